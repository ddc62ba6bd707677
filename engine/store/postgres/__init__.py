"""What several engines share in a PostgreSQL. Only a program that belongs to a cluster imports it."""
