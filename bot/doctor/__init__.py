"""``python -m bot doctor``: what is misconfigured, in words an operator understands."""
