"""An innovaphone PBX as a server on loopback: its App WebSocket, its users and their presence."""
