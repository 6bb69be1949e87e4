"""Conversations: accepted utterances, their order, their prompts, their settlement."""
