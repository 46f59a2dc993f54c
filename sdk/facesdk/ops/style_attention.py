"""The style blending layer: two streams of style tokens, each mixed by the other's questions, in one call."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.ops.impl import Impl, choose_impl
from facesdk.ops.native import native
from facesdk.types import F32

STREAMS = ("target", "source")
EPSILON = 1e-5
"""Added to the variance by both layer normalisations, as torch does."""
# The reference computes in float64.
_Real = NDArray[np.floating]
_ATTENTION = ("query", "key", "value", "output")


class StyleAttention:
    """One crossed attention layer with a feed-forward net behind it, or without one.

    For the target's stream, and with target and source exchanged for the source's:
    t = norm(target), s = norm(source); u = output(softmax(query(s) key(t)^T / sqrt(d)) value(t)), heads apart;
    update = u + ffn(norm(target + u)), ffn = linear, exact GELU, linear.

    Args:
        weights: float32 arrays, named and shaped (outputs, inputs) as in the state of
            `train.models.style_swap.blending.BlendingLayer`.
        heads: attention heads.
        impl: "auto", "native" or "numpy".

    Raises:
        InputError: a weight is missing or has another shape, or the width is no multiple of 32 and of the heads.
        BackendError: no such implementation.

    Source: seed 000, eq. 1; Vaswani et al. 2017, eq. 1.
    """

    def __init__(self, weights: Mapping[str, F32], heads: int, impl: Impl = "auto") -> None:
        self.impl = choose_impl("style_attention", impl)
        self.heads = heads
        self.dim = len(weights["norm_target.weight"]) if "norm_target.weight" in weights else 0
        self.wide = len(weights["ffn_target.1.weight"]) if "ffn_target.1.weight" in weights else 0
        if not self.dim or self.dim % 32 or self.wide % 32 or heads < 1 or self.dim % heads:
            raise InputError(
                f"style_attention: a width of whole 32s that the heads divide expected, got {self.dim}, "
                f"{self.wide} and {heads} heads."
            )
        self._weights = {name: _take(weights, name, shape) for name, shape in self._shapes().items()}
        if self.impl == "native":
            self._packed = {stream: [self._pack(name) for name in self._names(stream)] for stream in STREAMS}

    def __call__(self, target: F32, source: F32, threads: int = 1) -> tuple[F32, F32]:
        """Computes both updates.

        Args:
            target: (B, L, D) float32 tokens.
            source: (B, L, D) float32.
            threads: most that work on it.

        Returns:
            Updates of target and source, (B, L, D) float32, not yet added.

        Raises:
            InputError: the tokens' shapes do not fit.
        """
        if target.ndim != 3 or target.shape != source.shape or target.shape[2] != self.dim or not target.size:
            raise InputError(
                f"style_attention: two (B, L, {self.dim}) arrays expected, got {target.shape}, {source.shape}."
            )
        tokens = {name: np.ascontiguousarray(x, np.float32) for name, x in zip(STREAMS, (target, source))}
        if self.impl == "native":
            updates = [np.empty_like(tokens[name]) for name in STREAMS]
            native().style_attention(
                tokens["target"],
                tokens["source"],
                self._packed["target"],
                self._packed["source"],
                self.heads,
                EPSILON,
                *updates,
                threads,
            )
            return updates[0], updates[1]
        normed = {name: self._norm(f"norm_{name}", x.astype(np.float64)) for name, x in tokens.items()}
        return self._update("target", "source", tokens, normed), self._update("source", "target", tokens, normed)

    def _update(self, own: str, other: str, tokens: Mapping[str, F32], normed: Mapping[str, _Real]) -> F32:
        attend = f"attend_{own}"
        query = self._split(self._linear(f"{attend}.query", normed[other]))
        key, value = (self._split(self._linear(f"{attend}.{name}", normed[own])) for name in ("key", "value"))
        # Eq. 1: A^t = softmax(q_s k_t^T / sqrt(d)) v_t, and the same with s and t exchanged.
        scores = query @ key.swapaxes(-1, -2) / math.sqrt(self.dim // self.heads)
        share = np.exp(scores - scores.max(-1, keepdims=True))
        share /= share.sum(-1, keepdims=True)
        mixed = (share @ value).swapaxes(1, 2).reshape(tokens[own].shape)
        update = self._linear(f"{attend}.output", mixed)
        if self.wide:
            inside = self._linear(f"ffn_{own}.1", self._norm(f"ffn_{own}.0", tokens[own] + update))
            update = update + self._linear(f"ffn_{own}.3", _gelu(inside))
        return np.asarray(update, np.float32)

    def _split(self, x: _Real) -> _Real:
        """(B, L, D) to (B, heads, L, D / heads)."""
        return x.reshape(*x.shape[:2], self.heads, -1).swapaxes(1, 2)

    def _linear(self, name: str, x: _Real) -> _Real:
        return np.asarray(x @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"])

    def _norm(self, name: str, x: _Real) -> _Real:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
        return np.asarray(scaled * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"])

    def _names(self, stream: str) -> list[str]:
        """A stream's layers, in the order in which the native module takes them."""
        names = [f"norm_{stream}", *(f"attend_{stream}.{name}" for name in _ATTENTION)]
        names += [f"ffn_{stream}.{index}" for index in (0, 1, 3)] if self.wide else []
        return [f"{name}.{part}" for name in names for part in ("weight", "bias")]

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        dim, wide = self.dim, self.wide
        out: dict[str, tuple[int, ...]] = {}
        for stream in STREAMS:
            for name in self._names(stream):
                layer, _, part = name.rpartition(".")
                outputs, inputs = (wide, dim) if layer.endswith(".1") else (dim, wide if layer.endswith(".3") else dim)
                is_norm = layer.startswith("norm") or layer.endswith(".0")
                out[name] = (outputs,) if is_norm or part == "bias" else (outputs, inputs)
        return out

    def _pack(self, name: str) -> F32:
        """A weight as the kernel reads it, (outputs / panel, inputs, panel); a vector as it is."""
        array = self._weights[name]
        if array.ndim == 1:
            return array
        panel = int(native().PANEL)
        return np.ascontiguousarray(array.reshape(-1, panel, array.shape[1]).transpose(0, 2, 1))


def _take(weights: Mapping[str, F32], name: str, shape: tuple[int, ...]) -> F32:
    if name not in weights or weights[name].shape != shape:
        got = weights[name].shape if name in weights else "nothing"
        raise InputError(f"style_attention: weight {name} {shape} expected, got {got}.")
    return np.ascontiguousarray(weights[name], np.float32)


def _gelu(x: _Real) -> _Real:
    erf = np.frompyfunc(math.erf, 1, 1)
    return np.asarray(0.5 * x * (1.0 + erf(x / math.sqrt(2.0)).astype(np.float64)))
