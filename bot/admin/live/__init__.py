"""The live tail: turns as they come in and end."""
