"""Owns the running engine, its settings and its secrets, and puts changes of them into force."""
