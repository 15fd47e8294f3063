"""What `flights bench` runs: one module for each name of `--only`, with `measure(settings, quick) -> dict of figures`."""
