"""Pull mailbox: recipients fetch their messages over HTTP, in the order and under the numbers of their topic."""
