"""F8: a list of open EU/EEA registrations, taken over from the state, becomes messages to the gateway."""
