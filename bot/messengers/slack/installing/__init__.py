"""Slack apps in workspaces: OAuth, tokens, Socket Mode, the manifest."""
