"""Simulated PBX, Exchange and Entra on loopback, strict and with faults on demand, for the demo and the tests."""
