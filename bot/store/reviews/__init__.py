"""Reviews in Postgres: queues, their items, judgements, and what counts of them."""
