"""The lane of background jobs, below live traffic."""
