"""What is said, in which order, with which history."""
