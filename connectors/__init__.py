"""How messages get in and out: HTTP API, command line, embedded broker and database, simulation."""
