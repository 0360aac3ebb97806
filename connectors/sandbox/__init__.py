"""A gateway to try a system against: parties that behave as a script says, slow, failing or faulty."""
