"""``python -m bot evaluations``: brings what was found of a model to the dashboard."""
