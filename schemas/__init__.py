"""What a message is: contracts, models, code lists, identifiers. No I/O but reading shipped data."""
