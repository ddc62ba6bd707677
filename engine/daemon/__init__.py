"""The daemon: builds everything from the settings, and runs it until it is stopped."""
