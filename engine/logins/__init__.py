"""Keeps accounts from being locked: every log-in of every part asks here first, and says here how it ended."""
