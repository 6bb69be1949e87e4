"""Slack in memory: what its Web API accepts and refuses, and what people see of it."""
