"""The workspace in memory keeps Slack's limits, and knows what people saw."""
