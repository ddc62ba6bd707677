"""The answers of the local API, one module for each group of resources."""
