"""How an answer leaves, once."""
