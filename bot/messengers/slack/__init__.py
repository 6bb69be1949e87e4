"""Slack: commands, events, the Web API."""
