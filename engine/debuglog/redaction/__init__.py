"""Redaction of debug log entries: secrets in any encoding, and personal data of appointments."""
