"""The contract of the local API: schema, paths, and the client of commands and terminal program."""
