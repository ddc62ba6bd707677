"""Calendar sources behind one protocol; nothing of EWS or Graph is visible outside this package."""
