"""May it come in? Rate limit, backlog, forecast."""
