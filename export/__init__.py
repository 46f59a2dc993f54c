"""From trained networks to a pack: ONNX graphs, fp16 storage, parity, manifest, probe and model card."""
