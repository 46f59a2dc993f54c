"""Ops: what is not a network. One file each, a NumPy reference; `impl=` names the implementation."""
