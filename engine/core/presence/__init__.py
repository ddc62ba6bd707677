"""From appointments to presence: the rules, the words, and why (spec: the presence rules in README and man pages)."""
