"""Filter language of the debug log, shared by API, command line and terminal program."""
