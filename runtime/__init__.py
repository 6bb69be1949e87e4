"""The foundation of every process: databases, Redis, timeouts, background tasks, logging."""
