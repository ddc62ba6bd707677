"""The client of the local API: HTTP/1.1 and server-sent events over its Unix socket, for every program that asks.

Imports nothing of the engine but the types of the API and the base of all failures.
"""
