"""Simulated Microsoft Graph v1.0: calendars, free/busy times, the directory, and batches of them."""
