"""What may not be shown or kept."""
