"""Models and identity files of other tools: what each one reads and writes, and how they become packs."""
