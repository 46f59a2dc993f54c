"""Losses, one idea a file, each with its equation."""
