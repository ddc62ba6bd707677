"""Content of the screens as plain data, testable without a terminal."""
