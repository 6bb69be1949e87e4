"""Who reads and judges what the bot said: the operators' dashboard."""
