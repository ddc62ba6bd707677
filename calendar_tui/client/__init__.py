"""Keeps what the terminal program shows in step with the engine."""
