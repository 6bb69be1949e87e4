"""What admins do for and against a person, on real Postgres."""
