"""Data that training reads: the rendered face world and the batches made of it."""
