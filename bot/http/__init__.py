"""HTTP that belongs to no messenger: bodies, errors, outbound calls."""
