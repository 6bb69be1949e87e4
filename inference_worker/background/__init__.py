"""Background jobs in a worker: they take what live jobs leave."""
