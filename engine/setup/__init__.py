"""The guided set-up as a pure state machine, which every front end shows in its own way."""
