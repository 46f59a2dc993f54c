"""`facesdk::adain`: values and gradients against autograd in float64, and what torch asks of an op."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from facesdk.errors import BackendError, InputError
from facesdk.ops.native import native
from train.ops import adain as op
from train.ops.adain import adain
from train.ops.adain_kernels import LEAST_LAST, cpu_kernel, cuda_kernel

# Results in bfloat16 are rounded to 8 bits; sums over planes are float32 whatever the data.
ROUNDING = {torch.float32: 2e-5, torch.bfloat16: 5e-3, torch.float16: 7e-4}
SUMS = 3e-5
# One pixel, odd rows, tails of every vector width, whole vectors, more than one block of the sums.
SHAPES = [(1, 1, 1, 1), (2, 3, 1, 2), (2, 3, 5, 7), (1, 2, 4, 4), (3, 2, 17, 19), (2, 2, 32, 32), (1, 2, 101, 129)]
PARTS = ["", "noise", "bias", "noise weight bias", "noise weight bias sample"]
SLOPE, EPSILON = 0.2, 1e-5
Inputs = dict[str, Tensor | None]


def dtypes(device: str) -> list[torch.dtype]:
    """Data types of the op on a device."""
    return [dtype for dtype in ROUNDING if device != "cpu" or dtype != torch.float16]


def draw(shape: tuple[int, ...], dtype: torch.dtype, device: str, parts: str = "noise weight bias") -> Inputs:
    generator = torch.Generator().manual_seed(0)

    def values(*size: int) -> Tensor:
        return torch.randn(size, generator=generator)

    batch, channels, height, width = shape
    out: Inputs = {
        "x": values(*shape).to(dtype),
        "gamma": values(batch, channels) + 1,
        "beta": values(batch, channels),
        "noise": values(batch if "sample" in parts else 1, 1, height, width).to(dtype) if "noise" in parts else None,
        "noise_weight": values(channels) if "weight" in parts else None,
        "bias": values(channels) if "bias" in parts else None,
    }
    return {name: None if value is None else value.to(device) for name, value in out.items()}


def reference(given: Inputs, slope: float = SLOPE, epsilon: float = EPSILON) -> Tensor:
    """The formula in torch's own ops."""
    x, gamma, beta, noise, weight, bias = given.values()
    assert x is not None and gamma is not None and beta is not None
    y = x
    if noise is not None:
        y = y + (noise if weight is None else noise * weight[:, None, None])
    if bias is not None:
        y = y + bias[:, None, None]
    y = F.leaky_relu(y, slope)
    variance, mean = torch.var_mean(y, dim=(2, 3), keepdim=True, correction=0)
    return gamma[..., None, None] * (y - mean) / torch.sqrt(variance + epsilon) + beta[..., None, None]


def leaves(given: Inputs) -> dict[str, Tensor]:
    return {name: v.requires_grad_() for name, v in given.items() if v is not None and name != "noise"}


def wide(given: Inputs) -> Inputs:
    return {name: None if v is None else v.detach().cpu().double() for name, v in given.items()}


def assert_near(got: Tensor, want: Tensor, tolerance: float) -> None:
    """Relative to the largest value: a sum's error is that of its largest terms."""
    assert torch.isfinite(got).all()
    torch.testing.assert_close(got.cpu().double(), want, rtol=tolerance, atol=tolerance * (1 + want.abs().max().item()))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("parts", PARTS)
def test_values_and_gradients_equal_autograd(device: str, shape: tuple[int, ...], parts: str) -> None:
    for dtype in dtypes(device):
        compare_with_autograd(device, dtype, shape, parts)


def compare_with_autograd(device: str, dtype: torch.dtype, shape: tuple[int, ...], parts: str) -> None:
    compare_with_autograd_of(draw(shape, dtype, device, parts), dtype, device)


def compare_with_autograd_of(given: Inputs, dtype: torch.dtype, device: str) -> Tensor:
    assert given["x"] is not None
    shape = given["x"].shape
    exact, inputs = wide(given), leaves(given)
    exact_leaves = leaves(exact)
    want_out = reference(exact)
    out = adain(*given.values(), SLOPE, EPSILON)
    assert out.dtype == dtype and out.shape == shape
    assert_near(out, want_out.detach(), ROUNDING[dtype])
    upstream = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    want = torch.autograd.grad(want_out, list(exact_leaves.values()), upstream.double())
    got = torch.autograd.grad(out, list(inputs.values()), upstream.to(device))
    for name, mine, its in zip(inputs, got, want):
        assert mine.dtype == inputs[name].dtype and mine.shape == its.shape
        scale = ROUNDING[dtype] if name == "x" else SUMS
        # A plane's constant part drops out of grad_x, so that gradient sums cancel: their terms bound the error.
        terms = want[0].abs().sum().item() / its.numel() if name in ("bias", "noise_weight") else 0.0
        assert torch.isfinite(mine).all()
        limit = scale * (1 + its.abs().max().item() + terms)
        assert (mine.cpu().double() - its).abs().max().item() <= limit, name
    return out


@pytest.mark.parametrize("shape", [(2, 3, 5, 7), (1, 2, 65, 67)])
def test_every_number_is_written_and_nothing_beside_it(device: str, shape: tuple[int, ...]) -> None:
    for dtype in dtypes(device):
        check_what_is_written(device, dtype, shape)


def check_what_is_written(device: str, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    given = draw(shape, dtype, device)
    x, gamma, beta, *extra = given.values()
    assert x is not None and gamma is not None and beta is not None
    count, planes, guard = x.numel(), gamma.numel(), 64
    kernel = cpu_kernel() if device == "cpu" else cuda_kernel(x.device)
    big = [torch.full((count + 2 * guard,), torch.nan, dtype=dtype, device=device) for _ in range(2)]
    small = [torch.full((planes + 2 * guard,), torch.nan, device=device) for _ in range(6)]
    out, grad_x = (memory[guard : guard + count].view(shape) for memory in big)
    mean, inverse, *grads = (memory[guard : guard + planes].view(gamma.shape) for memory in small)
    kernel.forward(x, *extra, gamma, SLOPE, beta, EPSILON, out, mean, inverse)
    kernel.backward(x, *extra, gamma, SLOPE, mean, inverse, out, grad_x, *grads)
    for memory in (*big, *small):
        assert memory[:guard].isnan().all() and memory[-guard:].isnan().all()
        assert memory[guard:-guard].isfinite().all()


@pytest.mark.parametrize("parts", ["", "noise weight bias sample"])
def test_torch_accepts_the_op(parts: str) -> None:
    given = draw((2, 3, 5, 7), torch.float32, "cpu", parts)
    leaves(given)
    result = torch.library.opcheck(torch.ops.facesdk.adain.default, (*given.values(), SLOPE, EPSILON))
    assert set(result.values()) == {"SUCCESS"}
    x, gamma, _, *extra = (None if v is None else v.detach() for v in given.values())
    back = (x, x, gamma, *extra, gamma, gamma, SLOPE)
    assert set(torch.library.opcheck(torch.ops.facesdk.adain_backward.default, back).values()) == {"SUCCESS"}


def test_views_and_autocast_and_frozen_inputs() -> None:
    given = draw((2, 4, 6, 5), torch.float32, "cpu")
    want = adain(*given.values(), SLOPE, EPSILON)
    last = dict(given, x=given["x"].contiguous(memory_format=torch.channels_last))  # type: ignore[union-attr]
    torch.testing.assert_close(adain(*last.values(), SLOPE, EPSILON), want, rtol=0, atol=0)
    start = torch.randn(1, 4, 6, 5, requires_grad=True)
    same = dict(given, x=start.expand(2, -1, -1, -1))
    out = adain(*same.values(), SLOPE, EPSILON)
    # A gradient that is one number stretched over the plane, and an input that is: both come as views.
    (grad,) = torch.autograd.grad(out.sum(), start)
    assert grad.shape == start.shape and grad.abs().max() < 1e-4
    half = dict(given, x=given["x"].bfloat16())  # type: ignore[union-attr]
    with torch.autocast("cpu", torch.bfloat16):
        assert adain(*half.values(), SLOPE, EPSILON).dtype == torch.bfloat16
    assert not want.requires_grad


# One vector of every width, overlapping ones, more than two, and more pixels than a block of the sums has.
@pytest.mark.parametrize("shape", [(1, 16, 2, 3), (3, 24, 5, 7), (2, 40, 13, 11), (1, 67, 3, 3)])
@pytest.mark.parametrize("parts", PARTS)
def test_channels_last_equals_autograd_and_stays_so(shape: tuple[int, ...], parts: str) -> None:
    for dtype in dtypes("cpu"):
        given = draw(shape, dtype, "cpu", parts)
        assert given["x"] is not None
        given["x"] = given["x"].contiguous(memory_format=torch.channels_last)
        out = compare_with_autograd_of(given, dtype, "cpu")
        assert out.is_contiguous(memory_format=torch.channels_last)


def test_levels_of_the_processor_agree_with_channels_last() -> None:
    module, before, results = native(), native().level(), []
    for level in module.levels():
        module.set_level(level)
        given = draw((2, 24, 9, 5), torch.float32, "cpu")
        given["x"] = given["x"].contiguous(memory_format=torch.channels_last)  # type: ignore[union-attr]
        inputs = leaves(given)
        out = adain(*given.values(), SLOPE, EPSILON)
        results.append([out.detach(), *torch.autograd.grad(out.square().sum(), list(inputs.values()))])
    module.set_level(before)
    for result in results[1:]:
        torch.testing.assert_close(result, results[0], rtol=1e-4, atol=1e-3)


def test_channels_last_writes_every_number_and_nothing_beside_it() -> None:
    shape, guard = (2, 24, 5, 7), 64
    for dtype in dtypes("cpu"):
        x, gamma, beta, *extra = draw(shape, dtype, "cpu").values()
        assert x is not None and gamma is not None and beta is not None
        x = x.contiguous(memory_format=torch.channels_last)
        big = [torch.full((x.numel() + 2 * guard,), torch.nan, dtype=dtype) for _ in range(2)]
        small = [torch.full((gamma.numel() + 2 * guard,), torch.nan) for _ in range(6)]
        out, grad_x = (memory[guard:-guard].view(2, 5, 7, 24).permute(0, 3, 1, 2) for memory in big)
        mean, inverse, *grads = (memory[guard:-guard].view(gamma.shape) for memory in small)
        kernel = cpu_kernel(torch.channels_last)
        kernel.forward(x, *extra, gamma, SLOPE, beta, EPSILON, out, mean, inverse)
        kernel.backward(x, *extra, gamma, SLOPE, mean, inverse, out, grad_x, *grads)
        for memory in (*big, *small):
            assert memory[:guard].isnan().all() and memory[-guard:].isnan().all()
            assert memory[guard:-guard].isfinite().all()


def test_few_channels_last_are_refused_by_the_kernel_and_not_by_the_op() -> None:
    given = draw((1, LEAST_LAST - 1, 3, 3), torch.float32, "cpu", "")
    x, gamma, beta = given["x"], given["gamma"], given["beta"]
    assert x is not None and gamma is not None and beta is not None
    x = x.contiguous(memory_format=torch.channels_last)
    assert_near(adain(x, gamma, beta, slope=SLOPE), reference(wide(given)), ROUNDING[torch.float32])
    with pytest.raises(ValueError, match="at least 16 channels"):
        vectors = torch.empty_like(gamma), torch.empty_like(gamma)
        cpu_kernel(torch.channels_last).forward(
            x, None, None, None, gamma, SLOPE, beta, EPSILON, torch.empty_like(x), *vectors
        )


def test_a_value_that_is_not_finite_stays_in_its_plane(device: str) -> None:
    for dtype in dtypes(device):
        given = draw((1, 3, 17, 17), dtype, device)
        assert given["x"] is not None
        given["x"][0, 1, 3, 4] = torch.nan
        out = adain(*given.values(), SLOPE, EPSILON)
        assert out[0, 1].isnan().all() and out[0, [0, 2]].isfinite().all()


def test_a_large_mean_does_not_drown_the_variance(device: str) -> None:
    given = draw((1, 2, 48, 48), torch.float32, device, "")
    given["x"] = given["x"] + 3e4  # type: ignore[operator]
    # float32 itself keeps 2e-3 of values at 3e4.
    want = reference(wide(given))
    assert (adain(*given.values(), SLOPE, EPSILON).cpu().double() - want).abs().max() < 2e-2


def test_threads_do_not_change_the_bits() -> None:
    before = torch.get_num_threads()
    results = []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        given = draw((3, 5, 16, 16), torch.bfloat16, "cpu")
        inputs = leaves(given)
        out = adain(*given.values(), SLOPE, EPSILON)
        results.append([out.detach(), *torch.autograd.grad(out.float().square().sum(), list(inputs.values()))])
    torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*results))


def test_wrong_use(monkeypatch: pytest.MonkeyPatch) -> None:
    given = draw((2, 3, 4, 4), torch.float32, "cpu")
    x, gamma, beta, noise, weight, bias = given.values()
    assert x is not None and gamma is not None and beta is not None and noise is not None and bias is not None
    with pytest.raises(InputError, match=r"gamma \(2, 3\)"):
        adain(x, gamma[:1], beta)
    with pytest.raises(InputError, match=r"beta \(2, 3\)"):
        adain(x, gamma, beta[:, :1])
    with pytest.raises(InputError, match=r"noise \(1, 1, 4, 4\)"):
        adain(x, gamma, beta, torch.zeros(3, 1, 4, 4))
    with pytest.raises(InputError, match=r"bias \(3,\)"):
        adain(x, gamma, beta, bias=bias[:2])
    with pytest.raises(InputError, match="noise without a gradient"):
        adain(x, gamma, beta, noise.requires_grad_())
    with pytest.raises(InputError, match="slope 0 to 1"):
        adain(x, gamma, beta, slope=2.0)
    with pytest.raises(InputError, match="not empty|x \\(B, C, H, W\\)"):
        adain(x[:0], gamma[:0], beta[:0])
    with pytest.raises(BackendError, match="no native kernel for torch.float64"):
        adain(x.double(), gamma, beta)
    monkeypatch.setattr(op, "has_native", lambda: False)
    assert not op.can_fuse(x)
    with pytest.raises(BackendError, match="no native kernel"):
        adain(x, gamma, beta)
