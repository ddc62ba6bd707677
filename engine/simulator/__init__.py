"""A PBX and an Exchange as servers on loopback, strict and with faults on demand, for the demo and the tests."""
