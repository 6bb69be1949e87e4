"""Login of operators: sessions, password, throttle."""
