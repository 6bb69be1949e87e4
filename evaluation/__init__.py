"""Answers whether a model is better for its people: questions, a judge, and what they show."""
