"""Request handlers of the local API, one module per group of resources."""
