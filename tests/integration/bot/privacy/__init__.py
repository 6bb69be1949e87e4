"""The protection of personal data on real Postgres."""
