"""What the pages that read conversations ask the database: turns, prompts, people, rooms."""
