"""The text of an answer: what a model writes beside it, and where it ends."""
