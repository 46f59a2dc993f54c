"""Quality of the generator: what a picture keeps, what samples look like, and whether they do what was asked."""
