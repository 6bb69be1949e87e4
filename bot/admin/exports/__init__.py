"""Any list as a file: ordered with a reason, made by a job of the bot, masked, kept for days."""
