"""Posts messages to endpoints of their recipients: signed, in order for each case, again until they arrive."""
