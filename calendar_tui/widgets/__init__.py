"""Widgets that the screens are built from."""
