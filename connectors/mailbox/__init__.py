"""Pull mailbox: recipients fetch their messages over HTTP, in the order of their topic."""
