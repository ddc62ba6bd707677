"""Requests of the local API: every path that a client uses, with the types of request and response."""

VERSION_1 = "/v1"
