"""``python -m bot config``: the settings in the database, shown and changed."""
