"""How everything else talks to the engine: HTTP and JSON over Unix sockets."""
