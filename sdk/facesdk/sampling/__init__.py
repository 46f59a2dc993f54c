"""Sampling of a flow: noise, time grids, solvers, guidance, and paths between latents. NumPy only."""
