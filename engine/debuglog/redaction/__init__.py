"""What must not be kept of an exchange: secrets, wherever they stand, and what appointments are about."""
