"""The innovaphone side: the App WebSocket, its users and their presence. The protocol parts do no I/O."""
