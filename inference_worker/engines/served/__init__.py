"""The engine that asks an external inference server."""
