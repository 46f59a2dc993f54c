"""One file a net: its data, its losses, its settings."""
