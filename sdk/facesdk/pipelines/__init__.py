"""Pipelines: each turns faces and identities into new pixels with the networks of one family."""
