"""The page on which users manage their own account."""
