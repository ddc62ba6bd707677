"""The log-in service of Microsoft Entra to talk to: a tenant, its applications, and tokens for who proves itself."""
