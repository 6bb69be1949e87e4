"""Messengers: one folder each, the only place of its platform's protocol."""
