"""The log of turns: filters, queries, pages."""
