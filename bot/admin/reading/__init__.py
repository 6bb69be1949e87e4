"""Reading: a conversation as its people saw it, a turn in all its steps, its person, its room."""
