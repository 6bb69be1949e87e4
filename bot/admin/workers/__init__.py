"""The page of the workers and their queue."""
