"""Answers that could not be delivered, sent again singly or many at a time."""
