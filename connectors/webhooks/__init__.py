"""Posts messages to their recipients' endpoints: signed, in order for each case, again until they arrive."""
