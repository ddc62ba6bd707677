"""The guided set-up: a pure state machine for any front end, its session on disk and its checks."""
