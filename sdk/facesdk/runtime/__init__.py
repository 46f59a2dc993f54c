"""Runtimes: sessions that run a pack's graphs, and the rule that chooses one."""
