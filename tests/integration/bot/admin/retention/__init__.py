"""The page of retention rules on real Postgres."""
