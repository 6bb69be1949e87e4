"""Pages on which admins manage the users."""
