"""The page on which admins say how long turns are kept."""
