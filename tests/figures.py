"""What tests measured, for the end of the run: docs/benchmarks.md quotes these lines."""

FIGURES: list[str] = []
