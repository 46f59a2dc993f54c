"""Networks of the generator: the VAE and the velocity net of the flow."""
