"""``python -m bot users``: the dashboard's users, for whoever has locked themselves out."""
