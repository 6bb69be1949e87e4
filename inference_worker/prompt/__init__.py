"""From messages to the token ids that fit."""
