"""Flow matching on latents: path, times, coupling, solvers, reflow, average velocities."""
