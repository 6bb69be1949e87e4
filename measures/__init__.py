"""Statistics that the bot and the evaluation share: pure functions, standard library only."""
