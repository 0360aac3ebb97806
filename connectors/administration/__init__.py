"""Topics and access on the broker as data: what is wanted, what is there, what differs, and making it so."""
