"""Simulated innovaphone PBX on loopback: its App WebSocket, its users and their presence."""
