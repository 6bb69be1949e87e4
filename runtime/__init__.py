"""What every process stands on: databases, Redis, timeouts, background tasks, logging."""
