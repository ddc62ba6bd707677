"""How long tests wait for what is sure to come: time enough for a machine that has much else to do."""

PATIENCE = 60.0
"""Seconds. It bounds waits for conditions alone; no test takes a duration for a sign of anything."""
