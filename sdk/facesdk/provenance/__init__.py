"""Provenance: the only door out for generated pixels."""
