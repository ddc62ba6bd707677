"""The innovaphone side: the App WebSocket, its users and their presence; the protocol parts do no I/O."""
