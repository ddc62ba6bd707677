"""The domain, pure: no loop, no I/O and no clock of its own, so that every rule can be tested by calling it."""
