"""The variants of an ablation: what each changes in the recipe of the swap, and what it is held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.ablation_view import View
from facesdk.errors import InputError
from train.models.preset import config_from_dict
from train.models.style_swap import StyleSwapConfig

_CODES = ("code_identity", "code_attributes", "blend_identity", "blend_attributes", "code_embedding")


@dataclass(frozen=True)
class Variant:
    """One change.

    Attributes:
        says: what is changed, for the table.
        network: field of the network's config, with dots, -> value. Such a net cannot start from another's weights.
        weights: loss -> weight.
        rate: factor of the learning rate.
        start: begin with the weights of the run that `--start` names.
        keeps: parts of the network that begin with that run's weights though the rest is another.
        view: what the network sees of the stored crops; None is all of it as it is. The losses' recogniser and
            landmark net know the stored crop alone: with a view they are left out.
        rendered: share of the steps, from the first on, in which the decoder gets codes of the true parameters.
        against: variant to compare with; "" for the reference.
    """

    says: str
    network: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    rate: float = 1.0
    start: bool = True
    keeps: tuple[str, ...] = ()
    view: View | None = None
    rendered: float = 0.0
    against: str = "base"

    def __post_init__(self) -> None:
        if self.network and self.start:
            raise InputError(f"variant {self.says!r}: another net cannot start from a run's weights.", "start=False")


_BEFORE = ("encoder", "blending")


def _decoder(says: str, **changes: Any) -> Variant:
    network = {f"decoder.{name}": value for name, value in changes.items()}
    return Variant(says, network, start=False, keeps=_BEFORE, against="new_decoder")


def _seen(says: str, share: float, size: int, against: str = "seen_128") -> Variant:
    network: dict[str, Any] = {}
    if size != 128:
        side = size // 16
        shortcuts = (side, 2 * side, 4 * side, 8 * side)
        network = {
            "image_size": size, "encoder.head_size": side, "decoder.base_size": size // 32,
            "decoder.shortcuts": shortcuts, "decoder.noise_up_to": 4 * side,
        }  # fmt: skip
    return Variant(says, network, start=False, view=View(share, size), against=against)


VARIANTS: dict[str, Variant] = {
    "base": Variant("the recipe as it is", against=""),
    "scratch": Variant("no first stage on the codes", start=False),
    "no_codes": Variant("no supervision of the codes", weights=dict.fromkeys(_CODES, 0.0)),
    "no_recogniser": Variant("no recogniser in the loss", weights={"perceptual": 0.0, "code_embedding": 0.0}),
    "strong_recogniser": Variant("the recogniser's loss doubled", weights={"perceptual": 1.6}),
    "no_points": Variant("no landmarks in the loss", weights={"points": 0.0}),
    "no_gate_loss": Variant("shortcut gates not told to close", weights={"gates": 0.0}),
    "rate_half": Variant("half the learning rate", rate=0.5),
    "rate_double": Variant("twice the learning rate", rate=2.0),
    "prelu": Variant("learned slopes", {"encoder.activation": "prelu"}, start=False, against="scratch"),
    "gate_free": Variant("no limit of the blending gate", {"blending.gate_limit": 0.0}, start=False, against="scratch"),
    "gate_limit_2": Variant("gate limit 2", {"blending.gate_limit": 2.0}, start=False, against="scratch"),
    # What shows of a decoder in a few hundred steps shows only if the codes tell something: they are a trained run's.
    "new_decoder": Variant("decoder trained anew", start=False, keeps=_BEFORE, against=""),
    "no_warp": _decoder("shortcuts not moved", shortcut_warp=False),
    "no_shortcuts": _decoder("no shortcuts", shortcuts=()),
    "open_shortcuts": _decoder("shortcuts not gated", shortcut_gate=False),
    "wide_decoder": _decoder("decoder wider", channels=(224, 224, 192, 128, 80, 32)),
    "narrow_decoder": _decoder("decoder narrower", channels=(160, 160, 128, 72, 48, 20)),
    "renderer_first": Variant(
        "decoder first a renderer of true parameters", start=False, keeps=_BEFORE, rendered=0.5, against="new_decoder"
    ),
    # Of pictures that show more than the pack's crop, `render --size 200 --crop-scale 0.8`: the pack's is 4/5 of them.
    "seen_128": _seen("the pack's crop at 128 px", 0.8, 128, against=""),
    "seen_96": _seen("the pack's crop at 96 px", 0.8, 96),
    "seen_160": _seen("the pack's crop at 160 px", 0.8, 160),
    "wide_crop": _seen("a crop 5/4 as wide at 128 px", 1.0, 128),
    "tight_crop": _seen("a crop 4/5 as wide at 128 px", 0.64, 128),
    # For the first stage, which starts from nothing: half as many parameters again in the encoder's body.
    "wide_encoder": Variant("encoder wider", {"encoder.widths": (30, 60, 120, 192)}, start=False),
    "deep_encoder": Variant("encoder deeper", {"encoder.stage_depths": (2, 3, 3, 3)}, start=False),
}


def chosen_variants(names: str) -> dict[str, Variant]:
    """Variants from a list with commas, what each is held against first.

    Raises:
        InputError: an unknown name.
    """
    asked = [name.strip() for name in names.split(",") if name.strip()]
    unknown = sorted(set(asked) - set(VARIANTS))
    if unknown or not asked:
        raise InputError(f"--variants {', '.join(unknown) or '(none)'} is not known.", f"Use {', '.join(VARIANTS)}.")
    wanted: list[str] = []
    for name in asked:
        chain = [name]
        while VARIANTS[chain[-1]].against:
            chain.append(VARIANTS[chain[-1]].against)
        wanted += [link for link in reversed(chain) if link not in wanted]
    return {name: VARIANTS[name] for name in wanted}


def changed_config(config: StyleSwapConfig, changes: Mapping[str, Any]) -> StyleSwapConfig:
    """The config with fields exchanged; names with dots reach into its parts.

    Raises:
        InputError: a field that is not there.
    """
    values = asdict(config)
    for name, value in changes.items():
        *path, last = name.split(".")
        part = values
        for step in path:
            part = part.get(step, {})
        if last not in part:
            raise InputError(f"the network's config has no field {name!r}.", "Correct the variant.")
        part[last] = value
    return config_from_dict(StyleSwapConfig, values)
