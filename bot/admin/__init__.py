"""The operators' dashboard: the log of conversations, and dead letters to send again."""
