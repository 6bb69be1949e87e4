"""Everything on one machine: embedded servers, supervised processes."""
