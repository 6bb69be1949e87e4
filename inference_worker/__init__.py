"""The GPU worker: claims jobs, runs the model, writes the result under its lease."""
