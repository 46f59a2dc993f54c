"""Parity of what a person sees in the end: the picture of a whole swap, on rendered faces."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from export.engine.graph import engine_graph
from export.half_rounding import round_half
from export.parity import Parity, ParityError, compare, meets, open_backend
from export.rendered_faces import rendered_faces
from export.torch_graph import Floor, TorchGraph

F32 = NDArray[np.float32]
# Name of a graph and its inputs -> its outputs.
Run = Callable[[str, Mapping[str, F32]], Mapping[str, F32]]

GRAPHS = ("encoder", "blending", "decoder")
FACES = 4
# FP16 has three bits more than bfloat16, and engines are built of it.
HALF = "fp16"
FLOORS: Mapping[str, Floor] = {
    "onnxruntime": Floor(psnr_db=55.0),
    "openvino_f32": Floor(psnr_db=55.0),
    "openvino_bf16": Floor(psnr_db=30.0),
    HALF: Floor(psnr_db=40.0),
}
HALF_AIM_DB = 50.0


def swap_pictures(run: Run, features: Sequence[str], targets: F32, codes_source: F32) -> F32:
    """The three graphs one after the other, as a swap runs them.

    Args:
        run: runs a graph of GRAPHS.
        features: names of what the encoder hands to the decoder.
        targets: (N, 3, S, S) float32 in [-1, 1].
        codes_source: (N, L, D) float32: the cached identity.

    Returns:
        (N, 3, O, O) float32 in [-1, 1]: put into the target where the graph has a mask and the sizes are the same.
    """
    encoded = run("encoder", {"image": targets})
    codes = run("blending", {"codes_target": encoded["codes"], "codes_source": codes_source})["codes"]
    decoded = run("decoder", {"codes": codes, **{name: encoded[name] for name in features}})
    image, mask = decoded["image"], decoded.get("mask")
    if mask is None or image.shape != targets.shape:
        return image
    return np.asarray(targets + mask * (image - targets), np.float32)


def final_parity(
    reference: Run, runs: Mapping[str, Run], features: Sequence[str], size: int, faces: int = FACES
) -> list[Parity]:
    """Swaps rendered people with each other, one row for each backend.

    Args:
        reference: the graphs in float32.
        runs: name in FLOORS -> the same graphs there.
        features: names of what the encoder hands to the decoder.
        size: side of the encoder's picture.
        faces: people; each one's face goes onto the next one.
    """
    people = rendered_faces(faces, size)

    def pictures(run: Run) -> list[F32]:
        # The source's code is the backend's own, too: that is what an identity's cache would hold.
        codes = [run("encoder", {"image": face[None]})["codes"] for face in np.roll(people, 1, axis=0)]
        return [swap_pictures(run, features, face[None], code) for face, code in zip(people, codes, strict=True)]

    want = pictures(reference)
    rows = []
    for name, run in runs.items():
        values = compare(want, pictures(run))
        rows.append(
            Parity("style_swap", name, "final picture", **values, floor=FLOORS[name], ok=meets(values, FLOORS[name]))
        )
    return rows


def exported_parity(
    graphs: Mapping[str, TorchGraph],
    data: Mapping[str, bytes],
    precisions: Mapping[str, str],
    backends: Sequence[str],
) -> list[Parity]:
    """The same for graphs that were just exported, against torch; float16 too, as an engine would be built.

    Args:
        graphs: name in GRAPHS -> the network.
        data: the same -> the ONNX file.
        precisions: the same -> what it was converted to.
        backends: names of `export.parity`.
    """
    sessions = {
        backend: {name: open_backend(backend, graphs[name], data[name]) for name in GRAPHS} for backend in backends
    }
    half = {name: round_half(engine_graph(data[name], precisions[name])).SerializeToString() for name in GRAPHS}
    sessions[HALF] = {name: open_backend("onnxruntime", graphs[name], half[name]) for name in GRAPHS}
    runs = {backend: lambda name, feeds, opened=opened: opened[name].run(feeds) for backend, opened in sessions.items()}
    features = [tensor.name for tensor in graphs["decoder"].inputs if tensor.name != "codes"]
    size = graphs["encoder"].picture_hw(graphs["encoder"].example_sizes)[0]
    return final_parity(lambda name, feeds: graphs[name].run_torch(feeds), runs, features, size)


def require_final(rows: Sequence[Parity]) -> None:
    """Lets an export go on.

    Raises:
        ParityError: the final picture is below a floor.
    """
    missed = [row for row in rows if not row.ok]
    if missed:
        lines = [f"  {row.backend}: {row.psnr_db:.1f} dB, at least {row.floor.psnr_db:g} expected" for row in missed]
        raise ParityError(
            "The final picture of a swap is below the floor:\n" + "\n".join(lines),
            "Nothing was written. Each graph passed alone, so look at what their errors add up to: the parity report "
            "of every graph is `python -m bench parity`.",
        )
