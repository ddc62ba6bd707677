"""Tokens from Microsoft Entra for an application without a user (client credentials), by MSAL."""
