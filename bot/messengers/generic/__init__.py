"""The generic signed webhook: any in-house messenger or web chat in front of the model."""
