"""What the settings views show, as plain data: every setting, what would change, versions and secrets."""
