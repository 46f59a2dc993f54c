"""Engines of TensorRT: from a pack's graph to a file for each GPU, each built in a process of its own."""
