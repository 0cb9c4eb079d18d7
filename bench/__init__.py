"""Benchmarks of the opening hour: every figure stands beside a limit measured in the same run (docs/performance.md)."""
