"""Measured figures: each command prints a table and writes JSON with the machine, the versions and the commit."""
