"""What happens to a message: Faust app, agents, rules, ledger, relay, deadlines."""
