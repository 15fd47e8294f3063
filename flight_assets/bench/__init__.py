"""Benchmarks of `flights bench`: one module per name of `--only`, with `measure(settings, quick)`."""
