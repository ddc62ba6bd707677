"""Owns the running engine, its settings and its secrets, and applies changes to them."""
