"""GPU memory of the graphs that live together: what was planned or estimated, added up and held against bounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facesdk.pack import TensorSpec

PLAN, ESTIMATE = "plan", "estimate"
# What the CUDA context of one process takes beside everything: assumed, as no GPU was at hand to read it from.
CONTEXT_BYTES = 500_000_000


@dataclass(frozen=True)
class SetRule:
    """Graphs that stay loaded together, and what they may take.

    Attributes:
        families: whose graphs they are.
        bound_bytes: of weights, activations, workspace, inputs and outputs together.
    """

    families: tuple[str, ...]
    bound_bytes: int


SETS: Mapping[str, SetRule] = {
    "swap": SetRule(("style_swap", "faces"), 1_500_000_000),
    "generation": SetRule(("latent_flow",), 600_000_000),
}


@dataclass(frozen=True)
class GraphCost:
    """GPU memory of one graph that is loaded.

    Attributes:
        graph: "family.graph".
        source: PLAN = the builder of its engine said it; ESTIMATE = worked out from the ONNX graph.
        size_hw: height and width of the largest picture at its edge, or None.
        batch: rows that run at once: those asked for, no more than the engine takes.
        weights_bytes, activation_bytes: a plan is that of the engine's greatest sizes, whatever the batch.
        workspace_bytes: scratch memory that is not among the activations.
        io_bytes: inputs and outputs.
        note: what the figure leaves out, or "".
    """

    graph: str
    source: str
    size_hw: tuple[int, int] | None
    batch: int
    weights_bytes: int
    activation_bytes: int
    workspace_bytes: int
    io_bytes: int
    note: str = ""

    @property
    def parts(self) -> dict[str, int]:
        """Its bytes by what they are for."""
        return {
            "weights": self.weights_bytes,
            "activations": self.activation_bytes,
            "workspace": self.workspace_bytes,
            "inputs and outputs": self.io_bytes,
        }

    @property
    def total_bytes(self) -> int:
        """Everything that it takes by itself."""
        return sum(self.parts.values())


@dataclass(frozen=True)
class SetBudget:
    """One set at one batch.

    Attributes:
        name: in SETS.
        batch: that was asked for.
        costs: of its graphs.
        bound_bytes: what they may take together.
    """

    name: str
    batch: int
    costs: tuple[GraphCost, ...]
    bound_bytes: int

    @property
    def total_bytes(self) -> int:
        """All graphs together as if each had activations of its own, without the CUDA context: what the bound holds."""
        return sum(cost.total_bytes for cost in self.costs)

    @property
    def shared_bytes(self) -> int:
        """The same as the runtime's engines load it: they take turns in one activation buffer."""
        saved = sum(cost.activation_bytes for cost in self.costs) - max(cost.activation_bytes for cost in self.costs)
        return self.total_bytes - saved

    @property
    def ok(self) -> bool:
        """Whether the bound holds."""
        return self.total_bytes <= self.bound_bytes


@dataclass(frozen=True)
class Budget:
    """Every set at every batch, on one GPU.

    Attributes:
        subject: the pack or family, and its preset.
        vram_bytes: of the GPU.
        sets: by set, then by batch.
        context_bytes: of the CUDA context.
    """

    subject: str
    vram_bytes: int
    sets: tuple[SetBudget, ...]
    context_bytes: int = CONTEXT_BYTES

    def loaded_bytes(self, batch: int) -> int:
        """All sets at one batch in one process, with its context."""
        return self.context_bytes + sum(item.total_bytes for item in self.sets if item.batch == batch)

    @property
    def batches(self) -> tuple[int, ...]:
        """The batches, ascending."""
        return tuple(sorted({item.batch for item in self.sets}))

    @property
    def faults(self) -> list[str]:
        """What is over its bound; empty if everything fits."""
        lines = [
            f"{item.name} at batch {item.batch}: {item.total_bytes / 1e9:.3f} GB, at most {item.bound_bytes / 1e9:.3f}"
            for item in self.sets
            if not item.ok
        ]
        for batch in self.batches:
            loaded = self.loaded_bytes(batch)
            if loaded > self.vram_bytes:
                lines.append(
                    f"all sets at batch {batch}: {loaded / 1e9:.3f} GB with the context, the GPU has "
                    f"{self.vram_bytes / 1e9:.3f}"
                )
        return lines

    def document(self) -> dict[str, Any]:
        """The budget as JSON, in bytes."""
        return {
            "subject": self.subject,
            "vram_bytes": self.vram_bytes,
            "context_bytes": self.context_bytes,
            "ok": not self.faults,
            "faults": self.faults,
            "loaded_bytes": {str(batch): self.loaded_bytes(batch) for batch in self.batches},
            "sets": [
                {
                    "name": item.name,
                    "batch": item.batch,
                    "bound_bytes": item.bound_bytes,
                    "total_bytes": item.total_bytes,
                    "shared_buffer_bytes": item.shared_bytes,
                    "ok": item.ok,
                    "graphs": [{**vars(cost), "total_bytes": cost.total_bytes} for cost in item.costs],
                }
                for item in self.sets
            ],
        }


def group_sets(costs: Iterable[GraphCost], batch: int) -> list[SetBudget]:
    """The sets of which graphs are there, in the order of SETS."""
    listed = list(costs)
    out = []
    for name, rule in SETS.items():
        own = tuple(cost for cost in listed if cost.graph.partition(".")[0] in rule.families)
        if own:
            out.append(SetBudget(name, batch, own, rule.bound_bytes))
    return out


def edge_bytes(tensors: Sequence[TensorSpec], sizes: Mapping[str, int]) -> int:
    """Memory of tensors at a graph's edge; axes that only outputs have are not known and count as 1.

    Args:
        tensors: inputs and outputs.
        sizes: dynamic axis -> size.
    """
    return sum(
        int(np.prod([d if isinstance(d, int) else sizes.get(d, 1) for d in tensor.shape], dtype=np.int64))
        * np.dtype(tensor.dtype).itemsize
        for tensor in tensors
    )


def largest_picture(tensors: Sequence[TensorSpec], sizes: Mapping[str, int]) -> tuple[int, int] | None:
    """Height and width of the largest (batch, 1 or 3, H, W) tensor."""
    pictures = [
        tuple(d if isinstance(d, int) else sizes.get(d, 1) for d in tensor.shape[2:])
        for tensor in tensors
        if len(tensor.shape) == 4 and tensor.shape[1] in (1, 3)
    ]
    return max(((h, w) for h, w in pictures), key=lambda hw: hw[0] * hw[1], default=None)
