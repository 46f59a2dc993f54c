"""Promises, measured: marks, consent, packs, hostile inputs, faults and silence."""
