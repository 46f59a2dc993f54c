"""Every graph on every backend, under the machine's ceilings, and a swap whole."""
