"""Stand-ins for the platforms and for engines: real servers, for tests, chaos and benchmarks."""
