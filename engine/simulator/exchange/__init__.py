"""Simulated Exchange server: IIS and EWS at the protocol level, strict where the real ones are."""
