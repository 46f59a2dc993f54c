"""Training on a machine that is lent for minutes: pack here, run there, bring back."""
