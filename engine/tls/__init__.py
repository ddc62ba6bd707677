"""Whom we trust when we connect, and what is wrong with a certificate that we do not trust."""
