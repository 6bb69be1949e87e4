"""Alerts of the bot itself: told to a Slack room, a webhook or by mail, and seen to here."""
