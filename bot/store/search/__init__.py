"""Search over turns: an index of its own, written after the answer, read newest first."""
