"""TLS trust for outgoing connections, and explanations of certificates that are not trusted."""
