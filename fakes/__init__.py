"""Stand-ins for platforms and engines: real servers, for tests, chaos and benchmarks."""
