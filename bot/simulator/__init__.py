"""The messengers in the browser: signed webhooks go to the bot, its answers come back as events."""
