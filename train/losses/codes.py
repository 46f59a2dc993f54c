"""Supervision of the style codes by the rendered world's true parameters; an extension, off for the paper's recipe."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from train.models.style_swap import CodeHeads, SwapOutput


def vector_loss(predicted: Tensor, truth: Tensor) -> Tensor:
    """Smooth L1 over the known entries.

    Args:
        predicted: (B, K).
        truth: (B, K), about unit variance; NaN where a head model has no such parameter.

    Returns:
        Scalar >= 0; 0 if nothing is known.
    """
    known = ~truth.isnan()
    # The unknown are replaced before the loss: NaN times zero would still be NaN in the gradient.
    error = F.smooth_l1_loss(
        predicted.float(), truth.float().where(known, predicted.detach().float()), reduction="none"
    )
    return (error * known).sum() / known.sum().clamp_min(1)


def codes_losses(
    heads: CodeHeads, output: SwapOutput, identity_source: Tensor, attributes_target: Tensor
) -> dict[str, Tensor]:
    """What the codes must say, by name, unweighted.

    The source's code tells who it is, the target's how it is shown; the blended code must tell the source's identity
    and the target's attributes, so that whatever it took from the wrong side is an error.

    Args:
        heads: shared by all codes.
        output: of the generator.
        identity_source: (B, K).
        attributes_target: (B, A).

    Returns:
        "code_identity", "code_attributes", "blend_identity", "blend_attributes".
    """
    identity, _ = heads(output.codes_source)
    _, attributes = heads(output.codes_target)
    blend_identity, blend_attributes = heads(output.codes)
    return {
        "code_identity": vector_loss(identity, identity_source),
        "code_attributes": vector_loss(attributes, attributes_target),
        "blend_identity": vector_loss(blend_identity, identity_source),
        "blend_attributes": vector_loss(blend_attributes, attributes_target),
    }
