"""HTTP client for Exchange: connections that stay logged in, verified TLS, and named failures."""
