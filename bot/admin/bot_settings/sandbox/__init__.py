"""A chat with settings that are not live yet, below live traffic."""
