"""Tokens of Microsoft Entra for an application that acts on its own (client credentials), by MSAL."""
