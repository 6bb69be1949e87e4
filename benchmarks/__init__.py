"""Speed, memory and fairness, measured on real processes against a baseline of the same run.

``python -m benchmarks [accept | overhead | memory | overload ...]``. Results: RESULTS.md.
"""
