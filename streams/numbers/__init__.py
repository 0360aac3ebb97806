"""Follow-up numbers: what is counted of a case, how small groups are hidden, how sure a number is."""
