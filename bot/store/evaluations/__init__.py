"""Evaluations in Postgres, and their answers pair by pair."""
