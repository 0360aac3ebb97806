"""Pure rules: facts of one case, rule set and `as_of` in; tasks, forwards and next change out."""
