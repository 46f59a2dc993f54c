"""MODEL_CARD.md of a pack: what is in it, how it was made, what was measured, what it cannot do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from export.group_tables import LEAST, TOLERANCE, group_rows, weak_groups
from facesdk.errors import InputError
from facesdk.pack import TensorSpec
from facesdk.pack.writer import LICENSE_FILE, PackContent
from train.checkpoint import derived_from

# What each family is for and where it ends, whoever trained it.
SUMMARIES = {
    "faces": "Finds faces with five points, 68 landmarks with visibility, head pose, identity and a map of the parts.",
    "style_swap": "Puts the identity of one face onto another in one pass: attribute encoder, style blending, decoder.",
    "latent_flow": "Makes, edits and blends faces of people who do not exist: a VAE of 256 numbers a face, and a flow "
    "from noise to them that needs one to four steps.",
}
LIMITS = {
    "faces": (
        "Trained on rendered people only. Skin, hair and light of photographs differ from the renderer's: do not use "
        "it to decide anything about a person.",
        "The embedding is for following and choosing faces inside a picture or film, not for proving who somebody is.",
        "Small, strongly turned and mostly hidden faces are missed first; the measured recall says how many.",
    ),
    "style_swap": (
        "Works on aligned crops of the size in the table above; larger faces come out softer than their surroundings.",
        "Trained on rendered people only: on photographs expect less than the figures above say.",
        "Hair and the head's outline stay the target's. Profiles, hands in front of the face and heavy shadows fail "
        "first.",
    ),
    "latent_flow": (
        "Makes rendered-looking faces before a plain background, for that is all it has seen: no photographs.",
        "Editing and blending pass a real face through 256 numbers, so the result resembles the person, no more.",
        "Attributes lean on each other as in the rendered world; what is asked for is met as often as the figures say.",
    ),
}
CONSENT = (
    "A swap needs the consent of the person whose face is used. Every picture that the SDK writes is labelled as "
    "AI-made; removing the label, deceiving others about what happened, and making intimate pictures of real people "
    "are outside the intended use."
)
RENDERED_ONLY = "Trained on rendered people only"
OF_OTHERS = (
    "Networks in it are derived from weights of others, listed under Licence: what those were trained on, and on whom "
    "they fail, only their maker can say."
)
WRONG_FILE = "Name a file that python -m bench wrote."


def model_card(content: PackContent) -> str:
    """The card's text, from the pack's content alone.

    Args:
        content: the pack; training["nets"] holds each run's record, training["quality"] the contents of
            `python -m bench` files.

    Returns:
        Markdown.
    """
    quality = content.training.get("quality", [])
    parts = [f"# {content.name} {content.version}", *_warning(quality), _what(content)]
    parts += ["## Intended use", CONSENT, "## Graphs", _graphs(content)]
    parts += ["## Training", _training(content.training.get("nets", {}))]
    parts += ["## Measured quality", _quality(quality)]
    parts += ["## Parity", _parity(content)]
    limits = [limit for family in content.families for limit in LIMITS.get(family, ())]
    if _imported(content.training.get("nets", {})):
        limits = [OF_OTHERS, *(limit for limit in limits if not limit.startswith(RENDERED_ONLY))]
    parts += ["## What it cannot do", "\n".join(f"- {limit}" for limit in limits) or "- Not described."]
    parts += ["## Licence", f"{content.license_spdx}; the text is in `{LICENSE_FILE}`."]
    for origin in content.terms.origins:
        said = f"{origin.spdx}, {origin.url}; commercial use: {origin.commercial}"
        parts.append(f"Derived from {origin.name}, under its own licence ({said}).")
    return "\n\n".join(parts) + "\n"


def read_quality(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Reads figures that `python -m bench` wrote.

    Args:
        paths: JSON files.

    Raises:
        InputError: a file is missing, no JSON, or holds no figures.
    """
    out = []
    for path in paths:
        try:
            values = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read as JSON: {error}.", WRONG_FILE) from error
        figures = values.get("figures") if isinstance(values, dict) else None
        if not isinstance(figures, list) or not all(
            isinstance(f, dict) and {"name", "value"} <= set(f) for f in figures
        ):
            raise InputError(f"{path}: no list of figures in it.", WRONG_FILE)
        values.setdefault("title", path.stem.replace("_", " "))
        out.append({**values, "figures": [_recorded(figure) for figure in figures]})
    return out


def _recorded(figure: Mapping[str, Any]) -> dict[str, Any]:
    """A figure as a pack keeps it: six digits, and nothing about bounds that it has not."""
    return {
        key: float(f"{value:.6g}") if isinstance(value, float) else value
        for key, value in figure.items()
        if value is not None or key == "value"
    }


def _warning(quality: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a reader must know first: for whom the pack is clearly worse than on the mean."""
    lines = [f"- {run['title']}: {line}" for run in quality for line in weak_groups(run)]
    if not lines:
        return []
    return [f"**Not equally good for everybody.** More than {TOLERANCE:.0%} worse than the mean:", "\n".join(lines)]


def _what(content: PackContent) -> str:
    lines = [f"A pack of facesdk, preset `{content.preset}`.", ""]
    for name, family in content.families.items():
        lines.append(f"- **{name}** ({', '.join(family.tasks)}): {SUMMARIES.get(name, '')}".rstrip(": "))
    return "\n".join(lines)


def _graphs(content: PackContent) -> str:
    rows = []
    for (family, name), graph in content.graphs.items():
        shapes = [", ".join(_tensor(t) for t in side) for side in (graph.inputs, graph.outputs)]
        rows.append((f"{family}.{name}", graph.precision, f"{len(graph.data) / 1e6:.2f}", *shapes))
    return _table(("graph", "precision", "MB", "inputs", "outputs"), rows)


def _tensor(spec: TensorSpec) -> str:
    return f"`{spec.name}` ({', '.join(str(d) for d in spec.shape)})"


def _training(training: Mapping[str, Any]) -> str:
    if not training:
        return "No record came with the weights."
    rows, details = [], []
    for net, run in training.items():
        figures = ", ".join(f"{k} {_number(v)}" for k, v in run.get("metrics", {}).items())
        train = run.get("train", {})
        recipe = [
            run.get("preset"),
            run.get("step"),
            train.get("batch_size"),
            train.get("learning_rate"),
            run.get("seed"),
        ]
        rows.append((net, *recipe, figures))
        details.append(
            f"- {net}: data `{json.dumps(run.get('data', {}), sort_keys=True)}`{_curve(run.get('curve', []))}"
            + "".join(f"\n  - {note}" for note in run.get("notes", ()))
        )
    head = ("net", "preset", "steps", "batch", "learning rate", "seed", "validation at the end")
    intro = (
        "The data are pictures of people who do not exist, rendered by this project's face world: no photograph of a "
        "person and no pretrained network was used. Validation identities are disjoint from those of training."
    )
    if before := [net for net, run in training.items() if any(run.get("data", {}).get("photographs", ()))]:
        intro += f" Photographs that show nobody were in the training of: {', '.join(before)}."
    imported = _imported(training)
    if imported:
        intro = f"Derived from weights of others: {', '.join(imported)}. " + (
            f"For the other networks: {intro}" if len(imported) < len(training) else ""
        )
    return f"{intro}\n\n{_table(head, rows)}\n\n" + "\n".join(details)


def _imported(nets: Mapping[str, Any]) -> list[str]:
    """Networks that are derived from weights of others."""
    return [net for net, run in nets.items() if derived_from(run)]


def _curve(curve: Sequence[Mapping[str, float]]) -> str:
    """The validation curve in one line: each figure at a few steps."""
    if not curve:
        return ""
    names = [k for k in curve[-1] if k != "step"]
    lines = []
    for name in names:
        points = [f"{_number(p[name])} @ {p['step']}" for p in curve if name in p]
        lines.append(f"\n  - {name}: " + ", ".join(points))
    return "".join(lines)


def _quality(quality: Sequence[Mapping[str, Any]]) -> str:
    if not quality:
        return "Not measured for this pack. Run `python -m bench quality`, then `python -m export card` with its JSON."
    parts = []
    for run in quality:
        rows = [
            (
                f["name"],
                f"{_number(f['value'])} {f.get('unit') or ''}".strip(),
                _bound(f, "must"),
                _bound(f, "aim"),
                _verdict(f.get("ok")),
            )
            for f in run["figures"]
        ]
        parts.append(f"### {run['title']}\n\n" + _table(("figure", "value", "must", "aim", "must reached"), rows))
        head, groups = group_rows(run)
        if groups:
            note = f"By group; bold is more than {TOLERANCE:.0%} worse than the mean, of {LEAST} pictures and more."
            parts.append(f"{note}\n\n{_table(head, groups)}")
    return "\n\n".join(parts)


def _bound(figure: Mapping[str, Any], key: str) -> str | None:
    """A bound with its sign, where the figure says which side is better."""
    limit = figure.get(key)
    sign = {"higher": ">= ", "lower": "<= "}.get(figure.get("better", ""), "")
    return None if limit is None else f"{sign}{limit}"


def _verdict(ok: object) -> str:
    return {True: "yes", False: "**no**"}.get(ok, "") if isinstance(ok, bool) else ""


def _parity(content: PackContent) -> str:
    rows = []
    for (family, name), graph in content.graphs.items():
        for backend, figures in graph.parity.items():
            rows.append(
                (f"{family}.{name}", backend, *(_number(figures.get(k)) for k in ("mean_abs", "max_abs")), _db(figures))
            )
    if not rows:
        return "Not measured."
    text = (
        "Difference to torch in float32, worst output, in the output's unit; PSNR of the picture, where a latent is "
        "judged by its picture of that, else of the output. Measured when the pack was made."
    )
    return f"{text}\n\n" + _table(("graph", "backend", "mean", "max", "dB"), rows)


def _db(figures: Mapping[str, float]) -> str | None:
    value = figures.get("picture_db", figures.get("psnr_db"))
    return None if value is None else f"{value:.1f}"


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join("" if cell is None else str(cell) for cell in line) + " |" for line in lines)
