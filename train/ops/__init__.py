"""The project's fused ops as torch sees them: with gradients, fake tensors and autocast, over raw addresses."""
