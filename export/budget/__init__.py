"""GPU memory of what is loaded together: planned or estimated, added up, held against bounds."""
