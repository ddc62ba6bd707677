"""The resources of the local API: every path that a client asks, and what it answers."""

VERSION_1 = "/v1"
