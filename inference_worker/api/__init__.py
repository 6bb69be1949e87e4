"""The OpenAI-compatible endpoint of a worker (WORKER_API_PORT): for tools that others wrote."""
