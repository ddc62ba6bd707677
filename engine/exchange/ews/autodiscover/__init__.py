"""Autodiscover: finding the EWS URL of an organisation without sending credentials to untrusted hosts."""
