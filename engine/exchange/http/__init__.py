"""HTTP towards Exchange: connections that stay logged in, verified TLS, and failures by their names."""
