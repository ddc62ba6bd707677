"""Streaming notifications: mailboxes in groups, one hanging answer for each group, and what to do when one ends."""
