"""The interface between bot and worker: jobs, leases, presets, the registry of workers."""
