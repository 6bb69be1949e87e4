"""Privacy: masking of personal data."""
