"""Talks to the engine: HTTP/1.1 and server-sent events over its Unix socket."""
