"""What admins do for and against a person: block, erase, hand out what is kept."""
