"""The community models that facesdk knows, one entry each.

Source: facefusion 3.8 (facefusion/processors/modules/face_swapper/core.py, face_masker.py, face_landmarker.py),
insightface python-package/insightface/model_zoo, ReSwapper's README, opencv modules/objdetect/src/face_detect.cpp.
"""

from __future__ import annotations

from facesdk.community.convention import Convention, ModelLicence, Port, Shape, SourceKind, SourceRule
from facesdk.community.crop_rule import CropRule, Range

W600K = "arcface_w600k_r50"
"""The recogniser whose embeddings nearly every swapper reads."""

_INSIGHTFACE = ModelLicence(
    "LicenseRef-InsightFace-NonCommercial", "no", "https://github.com/deepinsight/insightface#license"
)
_RESWAPPER = ModelLicence("AGPL-3.0-only", "ask", "https://github.com/somanchiu/ReSwapper")
_HYPERSWAP = ModelLicence("LicenseRef-ResearchRAIL-MS", "no", "https://github.com/facefusion/facefusion-labs")
_SIMSWAP = ModelLicence("CC-BY-NC-4.0", "no", "https://github.com/neuralchen/SimSwap")
_GHOST = ModelLicence("Apache-2.0", "yes", "https://github.com/ai-forever/ghost")
_BLENDSWAP = ModelLicence("LicenseRef-BlendFace-NonCommercial", "no", "https://github.com/mapooon/BlendFace")
_YUNET = ModelLicence("MIT", "yes", "https://github.com/opencv/opencv_zoo/tree/main/models/face_detection_yunet")
_XSEG = ModelLicence("GPL-3.0-only", "ask", "https://github.com/iperov/DeepFaceLab")
_BISENET = ModelLicence("MIT", "yes", "https://github.com/yakhyo/face-parsing")
_FAN = ModelLicence("MIT", "yes", "https://github.com/breadbread1984/2DFAN4")
# Apache-2.0 but for parts that allow no commercial use.
_GFPGAN = ModelLicence("LicenseRef-GFPGAN", "ask", "https://github.com/TencentARC/GFPGAN/blob/master/LICENSE")
_GPEN = ModelLicence("LicenseRef-GPEN-NonCommercial", "no", "https://github.com/yangxy/GPEN")
_NOT_SAID = ModelLicence("", "ask", "https://github.com/facefusion/facefusion-assets")


def _planes(side: int | None, channels: int = 3) -> tuple[Shape, ...]:
    return ((None, channels, side, side),)


def _embedding_swapper(
    name: str,
    licence: ModelLicence,
    size: int,
    template: str,
    range_in: Range,
    range_out: Range,
    kind: SourceKind,
    converter: str = "",
    is_unit: bool = True,
    shift_px: float = 0.0,
) -> Convention:
    return Convention(
        name,
        "swapper",
        (Port("source", ((None, 512),), ("source",)), Port("picture", _planes(size), ("target",))),
        (Port("picture", _planes(size)),),
        licence,
        CropRule(size, range_in, template, shift_px=shift_px),
        CropRule(size, range_out),
        SourceRule(kind, W600K, converter, is_unit),
    )


def _frame_swapper(name: str, licence: ModelLicence, range_: Range, frame: CropRule) -> Convention:
    return Convention(
        name,
        "swapper",
        (Port("source", _planes(frame.size), ("source",)), Port("picture", _planes(256), ("target",))),
        (Port("picture", _planes(256)),),
        licence,
        CropRule(256, range_, "ffhq_512"),
        CropRule(256, range_),
        SourceRule("frame", crop=frame),
    )


def _converter(name: str) -> Convention:
    rows: tuple[Shape, ...] = ((None, 512),)
    return Convention(name, "converter", (Port("embedding", rows),), (Port("source", rows),), _NOT_SAID)


def _enhancer(name: str, licence: ModelLicence, size: int, template: str = "ffhq_512") -> Convention:
    return Convention(
        name,
        "enhancer",
        (Port("picture", _planes(size)),),
        (Port("picture", _planes(size)),),
        licence,
        CropRule(size, "signed", template),
        CropRule(size, "signed"),
    )


_STRIDES = (8, 16, 32)
_MODELS = (
    _embedding_swapper("inswapper_128", _INSIGHTFACE, 128, "arcface_128", "unit", "unit", "emap"),
    _embedding_swapper("inswapper_128_fp16", _INSIGHTFACE, 128, "arcface_128", "unit", "unit", "emap"),
    _embedding_swapper("reswapper_128", _RESWAPPER, 128, "arcface_128", "unit", "unit", "emap"),
    # Trained on crops whose pixel edges, not centres, are those of 128: 256 / 128 * 0.5 - 0.5 px (its README).
    _embedding_swapper("reswapper_256", _RESWAPPER, 256, "arcface_128", "unit", "unit", "emap", shift_px=0.5),
    _embedding_swapper("hyperswap_1a_256", _HYPERSWAP, 256, "arcface_128", "signed", "signed", "embedding"),
    _embedding_swapper("hyperswap_1b_256", _HYPERSWAP, 256, "arcface_128", "signed", "signed", "embedding"),
    _embedding_swapper("hyperswap_1c_256", _HYPERSWAP, 256, "arcface_128", "signed", "signed", "embedding"),
    _embedding_swapper(
        "simswap_256", _SIMSWAP, 256, "arcface_112_v1", "imagenet", "unit", "converted", "crossface_simswap"
    ),
    _embedding_swapper(
        "simswap_unofficial_512", _SIMSWAP, 512, "arcface_112_v1", "unit", "unit", "converted", "crossface_simswap"
    ),
    _embedding_swapper(
        "ghost_1_256", _GHOST, 256, "arcface_112_v1", "signed", "signed", "converted", "crossface_ghost", False
    ),
    _embedding_swapper(
        "ghost_2_256", _GHOST, 256, "arcface_112_v1", "signed", "signed", "converted", "crossface_ghost", False
    ),
    _embedding_swapper(
        "ghost_3_256", _GHOST, 256, "arcface_112_v1", "signed", "signed", "converted", "crossface_ghost", False
    ),
    _embedding_swapper(
        "hififace_unofficial_256", _NOT_SAID, 256, "mtcnn_512", "signed", "signed", "converted", "crossface_hififace"
    ),
    _frame_swapper("blendswap_256", _BLENDSWAP, "unit", CropRule(112, "unit", "arcface_112_v2")),
    # Its source is in [0, 1] though its target is in [-1, 1].
    _frame_swapper("uniface_256", _NOT_SAID, "signed", CropRule(256, "unit", "ffhq_512")),
    _converter("crossface_simswap"),
    _converter("crossface_ghost"),
    _converter("crossface_hififace"),
    Convention(
        W600K,
        "recogniser",
        (Port("picture", _planes(112), ("input.1",)),),
        (Port("embedding", ((None, 512),), ("683",)),),
        _INSIGHTFACE,
        CropRule(112, "signed", "arcface_112_v2"),
    ),
    # det_10g, det_2.5g, det_500m, and retinaface_10g, which is det_10g: nine maps, by kind and then by stride.
    Convention(
        "scrfd",
        "detector",
        (Port("picture", _planes(None)),),
        tuple(
            Port(f"{kind}_{stride}", ((None, width), (None, None, width)))
            for kind, width in (("score", 1), ("box", 4), ("points", 10))
            for stride in _STRIDES
        ),
        _INSIGHTFACE,
        CropRule(0, "scrfd"),
    ),
    Convention(
        "yunet",
        "detector",
        (Port("picture", _planes(None), ("input",)),),
        tuple(
            Port(f"{kind}_{stride}", ((None, None, width),), (f"{kind}_{stride}",))
            for kind, width in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))
            for stride in _STRIDES
        ),
        _YUNET,
        CropRule(0, "raw", color="bgr"),
    ),
    Convention(
        "2dfan4",
        "landmarks",
        (Port("picture", _planes(256)),),
        (Port("points", ((None, 68, 3),)), Port("heatmaps", ((None, 68, 64, 64),))),
        _FAN,
        CropRule(256, "unit"),
    ),
    Convention(
        "xseg",
        "mask",
        (Port("picture", ((None, 256, 256, 3),)),),
        (Port("mask", ((None, 256, 256, 1), (256, 256, 1))),),
        _XSEG,
        CropRule(256, "unit", color="bgr", layout="nhwc"),
    ),
    Convention(
        "bisenet",
        "mask",
        (Port("picture", _planes(512)),),
        (Port("classes", _planes(512, channels=19)),),
        _BISENET,
        CropRule(512, "imagenet"),
    ),
    _enhancer("gfpgan_1.2", _GFPGAN, 512),
    _enhancer("gfpgan_1.3", _GFPGAN, 512),
    _enhancer("gfpgan_1.4", _GFPGAN, 512),
    _enhancer("gpen_bfr_256", _GPEN, 256, "arcface_128"),
    _enhancer("gpen_bfr_512", _GPEN, 512),
    _enhancer("gpen_bfr_1024", _GPEN, 1024),
    _enhancer("gpen_bfr_2048", _GPEN, 2048),
    _enhancer("restoreformer_plus_plus", _NOT_SAID, 512),
)
CONVENTIONS: dict[str, Convention] = {convention.name: convention for convention in _MODELS}
"""By name."""
