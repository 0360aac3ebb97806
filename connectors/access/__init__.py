"""Who may enter: credentials proved, the registry in force, what a caller may do."""
