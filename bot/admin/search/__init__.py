"""Search: the box and its terms, the index of turns, saved filters."""
