"""Finds the EWS URL of an organisation: what to ask where, which answers to trust, and the loop that asks."""
