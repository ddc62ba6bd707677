"""The terminal program that administrators start over SSH; it attaches to a running engine."""
