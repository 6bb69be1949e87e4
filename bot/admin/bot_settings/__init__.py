"""Pages on which the settings of bots, workspaces and rooms are drafted, tried and published."""
