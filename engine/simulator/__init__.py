"""Simulated PBX, Exchange and Entra on loopback for the demo and the tests: strict, with faults on demand."""
