"""The query language of the debug log: one grammar for API, command line and terminal program."""
