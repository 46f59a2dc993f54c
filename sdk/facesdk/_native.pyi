"""The native module as Python sees it; cpp_ext/bindings.cpp defines it, facesdk.ops calls it."""

from collections.abc import Sequence

from numpy import float32, float64, int16, intp, uint8
from numpy.typing import NDArray

PANEL: int

def levels() -> list[str]: ...
def level() -> str: ...
def set_level(name: str) -> None: ...
def adain(
    x: NDArray[float32],
    gamma: NDArray[float32],
    beta: NDArray[float32],
    noise: NDArray[float32] | None,
    noise_weight: NDArray[float32] | None,
    bias: NDArray[float32] | None,
    slope: float,
    epsilon: float,
    out: NDArray[float32],
    threads: int,
) -> None: ...
def warp_crop(
    image: NDArray[uint8],
    matrices: NDArray[float64],
    size: int,
    swap_channels: bool,
    scale: float,
    offset: float,
    out: NDArray[float32],
    threads: int,
) -> None: ...
def paste(
    patches: Sequence[
        tuple[NDArray[uint8], NDArray[float32], NDArray[float32], Sequence[float], bool, NDArray[float32]]
    ],
    least_mask: float,
    threads: int,
) -> None: ...
def tile_mark(
    image: NDArray[uint8],
    tile: NDArray[int16],
    least: int,
    slope: int,
    most: int,
    cap: int,
    out: NDArray[uint8],
    threads: int,
) -> None: ...
def nms(boxes: NDArray[float64], order: NDArray[intp], iou: float) -> NDArray[intp]: ...
def style_attention(
    target: NDArray[float32],
    source: NDArray[float32],
    target_weights: Sequence[NDArray[float32]],
    source_weights: Sequence[NDArray[float32]],
    heads: int,
    epsilon: float,
    update_target: NDArray[float32],
    update_source: NDArray[float32],
    threads: int,
) -> None: ...
def adain_forward(
    dtype: str,
    batch: int,
    channels: int,
    pixels: int,
    noise_batch: int,
    x: int,
    noise: int,
    noise_weight: int,
    bias: int,
    gamma: int,
    slope: float,
    beta: int,
    epsilon: float,
    out: int,
    mean: int,
    inverse: int,
    threads: int,
) -> None: ...
def adain_forward_last(
    dtype: str,
    batch: int,
    channels: int,
    pixels: int,
    noise_batch: int,
    x: int,
    noise: int,
    noise_weight: int,
    bias: int,
    gamma: int,
    slope: float,
    beta: int,
    epsilon: float,
    out: int,
    mean: int,
    inverse: int,
    threads: int,
) -> None: ...
def adain_backward(
    dtype: str,
    batch: int,
    channels: int,
    pixels: int,
    noise_batch: int,
    x: int,
    noise: int,
    noise_weight: int,
    bias: int,
    gamma: int,
    slope: float,
    mean: int,
    inverse: int,
    grad_out: int,
    grad_x: int,
    grad_gamma: int,
    grad_beta: int,
    grad_noise_weight: int,
    grad_bias: int,
    threads: int,
) -> None: ...
def adain_backward_last(
    dtype: str,
    batch: int,
    channels: int,
    pixels: int,
    noise_batch: int,
    x: int,
    noise: int,
    noise_weight: int,
    bias: int,
    gamma: int,
    slope: float,
    mean: int,
    inverse: int,
    grad_out: int,
    grad_x: int,
    grad_gamma: int,
    grad_beta: int,
    grad_noise_weight: int,
    grad_bias: int,
    threads: int,
) -> None: ...
