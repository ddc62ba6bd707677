"""Content of the screens as plain data, which can be tested without a terminal."""
