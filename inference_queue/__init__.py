"""What crosses between bot and worker: jobs, leases, presets, the registry of workers."""
