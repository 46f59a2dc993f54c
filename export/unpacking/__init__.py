"""A pack's networks back into run folders, so that a training goes on from what was shipped."""

from __future__ import annotations
