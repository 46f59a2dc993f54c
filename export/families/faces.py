"""The analysis networks: detector, landmarks, recogniser, parser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from export.families.family import NORMALISATION, Family
from export.torch_graph import Floor, TorchGraph, float32
from facesdk.errors import InputError
from facesdk.pack import TensorSpec
from train.models.faces import Detector, Landmarks, Parser, Recogniser
from train.models.faces.detector import STRIDES
from train.models.faces.landmarks import REFINE_SCALE

# Net -> what it does, in the order of the pack.
TASKS = {"detector": "detect", "landmarks": "landmarks", "recogniser": "recognise", "parser": "parse"}
# The landmark crop is this many times as wide as the face's box; training uses the same.
BOX_SCALE = 1.5
# Crops that are less likely a face are dropped before a second look; the rest is weighed by EVIDENCE.
PRESENCE_THRESHOLD = 0.2
# Nano on validation scenes: recall 0.87 with 0.3 false faces a scene; at 0.5 it was 0.84 with 0.17.
SCORE_THRESHOLD = 0.4
# Both nets together, in log odds. Nano 0.9.0 on 600 validation scenes with 746 faces from 32 px: recall .969 with 99
# boxes that are no listed face; looked at only where boxes overlap by .4 at most, as faces may, and weighed as 0.8.0
# was, .958 with 76. A threshold of .15 is as good. On 21 photographs a portrait and a man in profile; at -.3 a galaxy.
EVIDENCE = {"candidate_score": 0.2, "presence_weight": 0.5, "threshold": 0.0, "candidate_iou": 0.6}
NMS_IOU = 0.4


def faces_family(nets: Mapping[str, nn.Module], training: Mapping[str, Mapping[str, Any]]) -> Family:
    """The family of the networks that are given.

    Args:
        nets: some or all of TASKS -> trained module.
        training: net -> contents of its preset.json.

    Raises:
        InputError: no network, or one that this family does not have.
    """
    unknown = sorted(set(nets) - set(TASKS))
    if unknown or not nets:
        raise InputError(f"faces: got the networks {sorted(nets)}, expected some of {sorted(TASKS)}.")
    graphs: list[TorchGraph] = []
    preprocessing: dict[str, Any] = {**NORMALISATION, "crops": {}}
    for name in (n for n in TASKS if n in nets):
        net = nets[name]
        if isinstance(net, Detector):
            graphs.append(_detector(net))
            preprocessing["detector"] = {
                "strides": list(STRIDES),
                "anchors": net.config.anchors,
                "score_threshold": SCORE_THRESHOLD,
                "nms_iou": NMS_IOU,
            }
        elif isinstance(net, Landmarks):
            graphs.append(_landmarks(net))
            crop: dict[str, Any] = {"box_scale": BOX_SCALE, "size": net.config.image_size}
            if net.config.presence:
                # The same nets know the second crop and what is no face.
                crop |= {"refine_scale": REFINE_SCALE, "presence_threshold": PRESENCE_THRESHOLD}
                crop["evidence"] = dict(EVIDENCE)
            preprocessing["crops"][name] = crop
        elif isinstance(net, Recogniser):
            graphs.append(_recogniser(net))
            preprocessing["crops"][name] = {"template": "arcface", "size": net.config.image_size}
        elif isinstance(net, Parser):
            graphs.append(_parser(net))
            preprocessing["crops"][name] = {"template": "canon", "size": net.config.image_size}
        else:
            raise InputError(f"faces: {name} is a {type(net).__name__}, which is none of this family's networks.")
    tasks = tuple(task for name, task in TASKS.items() if name in nets)
    return Family("faces", tasks, tuple(graphs), preprocessing, training)


def _detector(net: Detector) -> TorchGraph:
    image = float32("image", "batch", 3, "height", "width")
    # Boxes and points are in strides: 0.02 is a sixth of a pixel at stride 8.
    kinds = {"score": (1, 1e-3, 1e-2), "box": (4, 0.02, 0.15), "points": (10, 0.02, 0.15)}
    names = [(f"{kind}_{stride}", stride, *numbers) for kind, numbers in kinds.items() for stride in STRIDES]
    return TorchGraph(
        family="faces",
        name="detector",
        function=_flat(net),
        inputs=(image,),
        outputs=tuple(float32(name, "batch", f"anchors_{stride}", width) for name, stride, width, _, _ in names),
        owners=(net,),
        picture=image,
        multiples={"height": 32, "width": 32},
        example_sizes={"batch": 2, "height": 96, "width": 128},
        probe_sizes={"batch": 1, "height": 64, "width": 96},
        exact={name: Floor(mean_abs=exact) for name, _, _, exact, _ in names},
        reduced={name: Floor(mean_abs=reduced) for name, _, _, _, reduced in names},
    )


def _landmarks(net: Landmarks) -> TorchGraph:
    points = net.config.points
    crop = _crop(net.config.image_size)
    outputs = [
        float32("points", "batch", points, 2),
        float32("visible", "batch", points),
        float32("pose", "batch", 3),
    ]
    # Points are fractions of the crop: 5e-4 is 0.06 px of 128. The pose is in degrees.
    exact = {"points": Floor(mean_abs=5e-4), "visible": Floor(mean_abs=5e-3), "pose": Floor(mean_abs=0.15)}
    reduced = {"points": Floor(mean_abs=5e-3), "visible": Floor(mean_abs=3e-2), "pose": Floor(mean_abs=1.5)}
    if net.config.presence:
        outputs.append(float32("presence", "batch", 1))
        exact["presence"], reduced["presence"] = Floor(mean_abs=5e-3), Floor(mean_abs=3e-2)
    graph = _single("landmarks", net, crop, tuple(outputs), exact, reduced)
    products = [net.head, *(net.bend[::2] if net.config.shape and net.config.shape_hidden else ())]
    graph = replace(graph, unpacked=tuple(layer.weight for layer in products))
    # Int8 of the linear shape layer moves points by .09 % of the crop on faces, four times what all others do together.
    return replace(graph, finer=(net.shape.weight,)) if net.config.shape else graph


def _recogniser(net: Recogniser) -> TorchGraph:
    outputs = (float32("embedding", "batch", net.config.embedding),)
    floors = {"embedding": Floor(cosine=0.9995)}, {"embedding": Floor(cosine=0.99)}
    return _single("recogniser", net, _crop(net.config.image_size), outputs, *floors)


def _parser(net: Parser) -> TorchGraph:
    size = net.config.image_size
    outputs = (float32("parts", "batch", net.config.classes, size, size),)
    floors = {"parts": Floor(mean_abs=2e-3)}, {"parts": Floor(mean_abs=2e-2)}
    return _single("parser", net, _crop(size), outputs, *floors)


def _crop(size: int) -> TensorSpec:
    return float32("crop", "batch", 3, size, size)


def _single(
    name: str,
    net: nn.Module,
    crop: TensorSpec,
    outputs: tuple[TensorSpec, ...],
    exact: Mapping[str, Floor],
    reduced: Mapping[str, Floor],
) -> TorchGraph:
    return TorchGraph("faces", name, _flat(net), (crop,), outputs, (net,), crop, exact=exact, reduced=reduced)


def _flat(net: nn.Module) -> Callable[[Tensor], Tensor | tuple[Tensor, ...]]:
    """A call of the network that returns a plain tensor or tuple: named tuples would give the graph other names."""

    def run(picture: Tensor) -> Tensor | tuple[Tensor, ...]:
        out = net(picture)
        return out if isinstance(out, Tensor) else tuple(tensor for tensor in out if tensor is not None)

    return run
