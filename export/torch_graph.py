"""What a graph of the pack is: a torch function, the names and shapes of its tensors, and how exact it must stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from export.pictures import random_pictures
from facesdk.errors import FacesdkError
from facesdk.pack import TensorSpec

F32 = NDArray[np.float32]


def float32(name: str, *shape: int | str) -> TensorSpec:
    """A float32 tensor of a graph; a text in the shape names a dynamic axis."""
    return TensorSpec(name, "float32", shape)


def sizes_of(tensor: TensorSpec, axes: Mapping[str, int]) -> tuple[int, ...]:
    """The tensor's shape with each dynamic axis replaced by its size."""
    return tuple(axes[d] if isinstance(d, str) else d for d in tensor.shape)


@dataclass(frozen=True)
class Floor:
    """How far a runtime's output may be from torch's; None = not bounded.

    Attributes:
        mean_abs: greatest mean absolute difference, in the output's unit.
        max_abs: greatest absolute difference, in the output's unit.
        cosine: least cosine between a sample's output and torch's.
        psnr_db: least PSNR over the range of torch's output.
        picture_db: least PSNR of the picture that the graph shows for this output.
    """

    mean_abs: float | None = None
    max_abs: float | None = None
    cosine: float | None = None
    psnr_db: float | None = None
    picture_db: float | None = None


@dataclass(frozen=True)
class TorchGraph:
    """One graph of one family, ready to be exported.

    Attributes:
        family, name: keys of the manifest.
        function: takes the inputs in order and returns the outputs in order, a tensor or a tuple.
        inputs, outputs: the tensors.
        owners: modules that `function` uses (their parameters become the graph's weights).
        picture: the picture that inputs are made from, as the network upstream would see it.
        from_pictures: pictures (batch, 3, H, W) in [-1, 1] -> the inputs; None = the pictures are the one input.
        multiples: dynamic axis -> what it is a multiple of, e.g. {"height": 32}.
        example_sizes: dynamic axis -> size while tracing; never 1, since torch would fix that axis.
        probe_sizes: dynamic axis -> size in the pack's probe.
        fixed_batch: the only number of rows that it takes; None = any.
        float32_only: bf16 does not suit it, so it is not measured there, and no runtime takes bf16 unasked.
        finer: parameters of `owners` that int8 storage leaves in float16.
        unpacked: matrices of `owners` that int8 storage lets a runtime unpack once when it loads the graph: where it
            reads the int8 itself, it may round what they are multiplied by, too.
        shows: output name -> what makes a picture of it, in torch; for outputs that are judged by their picture.
        exact: output name (or "*") -> floor of backends that compute in float32.
        reduced: the same for backends that compute in bfloat16 or float16.
    """

    family: str
    name: str
    function: Callable[..., Tensor | tuple[Tensor, ...]]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    owners: tuple[nn.Module, ...]
    picture: TensorSpec
    from_pictures: Callable[[Tensor], tuple[Tensor, ...]] | None = None
    multiples: Mapping[str, int] = field(default_factory=dict)
    example_sizes: Mapping[str, int] = field(default_factory=lambda: {"batch": 2})
    probe_sizes: Mapping[str, int] = field(default_factory=lambda: {"batch": 1})
    fixed_batch: int | None = None
    float32_only: bool = False
    finer: tuple[nn.Parameter, ...] = ()
    unpacked: tuple[nn.Parameter, ...] = ()
    shows: Mapping[str, Callable[[Tensor], Tensor]] = field(default_factory=dict)
    exact: Mapping[str, Floor] = field(default_factory=lambda: {"*": Floor(cosine=0.9995)})
    reduced: Mapping[str, Floor] = field(default_factory=lambda: {"*": Floor(cosine=0.99)})

    def at_batch(self, size: int) -> TorchGraph:
        """The same graph for so many rows and no other number: what a captured CUDA graph or a fixed plan needs."""

        def fixed(tensor: TensorSpec) -> TensorSpec:
            return replace(tensor, shape=tuple(size if axis == "batch" else axis for axis in tensor.shape))

        return replace(
            self,
            inputs=tuple(fixed(tensor) for tensor in self.inputs),
            outputs=tuple(fixed(tensor) for tensor in self.outputs),
            example_sizes={**self.example_sizes, "batch": size},
            probe_sizes={**self.probe_sizes, "batch": size},
            fixed_batch=size,
        )

    @property
    def key(self) -> str:
        """`family.graph`, the stem of the file in the pack."""
        return f"{self.family}.{self.name}"

    def floor(self, output: str, reduced: bool) -> Floor:
        """The floor of one output, else that of "*"."""
        table = self.reduced if reduced else self.exact
        return table.get(output, table.get("*", Floor()))

    def picture_hw(self, axes: Mapping[str, int]) -> tuple[int, int]:
        """Height and width of the pictures that inputs are made from."""
        height, width = sizes_of(self.picture, axes)[2:]
        return height, width

    def sample(self, rng: np.random.Generator, sizes: Mapping[str, int] | None = None) -> dict[str, F32]:
        """Inputs made from random pictures, of the sizes given, else of the example's."""
        axes = {**self.example_sizes, **(sizes or {})}
        return self.feeds(random_pictures(rng, axes["batch"], self.picture_hw(axes)))

    def feeds(self, pictures: F32) -> dict[str, F32]:
        """The inputs that pictures lead to.

        Args:
            pictures: (batch, 3, H, W) in [-1, 1].
        """
        images = torch.from_numpy(pictures)
        for owner in self.owners:
            owner.eval()
        with torch.no_grad():
            tensors = (images,) if self.from_pictures is None else self.from_pictures(images)
        return {spec.name: value.contiguous().numpy() for spec, value in zip(self.inputs, tensors, strict=True)}

    def show(self, output: str, values: F32) -> F32:
        """The picture of an output's values that are named in `shows`."""
        with torch.no_grad():
            return self.shows[output](torch.from_numpy(values)).numpy()

    def run_torch(self, feeds: Mapping[str, F32]) -> dict[str, F32]:
        """What torch computes in float32: the reference of every parity figure."""
        for owner in self.owners:
            owner.eval()
        with torch.no_grad():
            out = self.function(*[torch.from_numpy(np.ascontiguousarray(feeds[spec.name])) for spec in self.inputs])
        tensors = (out,) if isinstance(out, Tensor) else tuple(out)
        if len(tensors) != len(self.outputs):
            names = ", ".join(spec.name for spec in self.outputs)
            raise FacesdkError(f"{self.key}: the network returns {len(tensors)} tensors, expected {names}.")
        return {spec.name: value.float().numpy() for spec, value in zip(self.outputs, tensors, strict=True)}
