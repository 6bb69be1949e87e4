"""One folder a messenger; nothing of a platform's protocol stands anywhere else."""
