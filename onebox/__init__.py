"""How all of it runs on one machine: embedded servers, supervised processes."""
