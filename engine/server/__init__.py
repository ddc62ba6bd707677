"""Server of the local API: HTTP and JSON over Unix sockets."""
