"""Exchanges in forms that other tools open, and that can be handed out."""
