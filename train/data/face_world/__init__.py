"""People who do not exist: a renderer whose every picture comes with its exact truth."""
