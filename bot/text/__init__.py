"""Texts: the catalog of sentences, Markdown, splitting."""
