"""Weights that people own, out of other projects' files into run folders."""

from __future__ import annotations
