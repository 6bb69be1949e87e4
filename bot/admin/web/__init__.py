"""Shared by all pages of the dashboard: rendering, labels, templates."""
