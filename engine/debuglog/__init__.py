"""The debug log: records the traffic with Exchange in its own database, for search and export."""
