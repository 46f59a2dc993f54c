"""Supervision of the style codes by the rendered world's true parameters; an extension, off for the paper's recipe."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from train.losses.identity import identity_loss
from train.models.style_swap import CodeHeads


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
    heads: CodeHeads,
    codes_source: Tensor,
    codes_target: Tensor,
    codes: Tensor,
    identity_source: Tensor,
    attributes_target: Tensor,
    embedding_source: Tensor | None = None,
) -> dict[str, Tensor]:
    """What the codes must say, by name, unweighted.

    The source's code tells who it is, the target's how it is shown; the blended code must tell the source's identity
    and the target's attributes, so that whatever it took from the wrong side is an error.

    Args:
        heads: shared by all codes.
        codes_source: (B, L, D), W_s.
        codes_target: (B, L, D), W_t.
        codes: (B, L, D), W'.
        identity_source: (B, K), in the world's units.
        attributes_target: (B, A), in the world's units.
        embedding_source: (B, E) a recogniser's; None without one.

    Returns:
        "code_identity", "code_attributes", "blend_identity", "blend_attributes", and with an embedding
        "code_embedding" (of both codes).
    """
    identity, attributes = heads.standardise(identity_source, attributes_target)
    source, target, blend = heads(codes_source), heads(codes_target), heads(codes)
    terms = {
        "code_identity": vector_loss(source.identity, identity),
        "code_attributes": vector_loss(target.attributes, attributes),
        "blend_identity": vector_loss(blend.identity, identity),
        "blend_attributes": vector_loss(blend.attributes, attributes),
    }
    if embedding_source is not None and source.embedding is not None and blend.embedding is not None:
        terms["code_embedding"] = 0.5 * (
            identity_loss(source.embedding, embedding_source) + identity_loss(blend.embedding, embedding_source)
        )
    return terms
