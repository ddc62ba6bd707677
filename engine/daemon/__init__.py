"""The daemon: builds the engine and its API from the settings, and runs them until stopped."""
