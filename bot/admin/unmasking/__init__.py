"""Reading a conversation unmasked, for some minutes and with a reason."""
