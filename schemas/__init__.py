"""What a message is: contracts, models, code lists, identifiers. No I/O but shipped data and key files."""
