"""Documents: data of the API as lines for people, printed by commands and shown by the terminal program; pure."""
