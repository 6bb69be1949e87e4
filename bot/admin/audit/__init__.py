"""Pages on which admins read the audit log."""
