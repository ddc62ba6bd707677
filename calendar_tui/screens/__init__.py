"""One module for each view, and the parts that are common to all."""
