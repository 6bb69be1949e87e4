"""Charts of the statistics, and what counts them."""
