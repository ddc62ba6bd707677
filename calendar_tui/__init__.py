"""The terminal program administrators start over SSH; it attaches to a running engine."""
