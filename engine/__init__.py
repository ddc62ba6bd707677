"""The headless engine: reads Exchange calendars and keeps the PBX presence of their owners up to date."""
