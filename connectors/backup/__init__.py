"""The ledger as two files, and back: everything but the case keys, and the case keys."""
