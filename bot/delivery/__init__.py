"""Delivery: answers to their messengers, each once."""
