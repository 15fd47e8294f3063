"""Registry: a model in memory and as files, with its manifest and its card."""
