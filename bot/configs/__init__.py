"""The bot's settings in the database: their keys, their merge, and a reader in memory."""
