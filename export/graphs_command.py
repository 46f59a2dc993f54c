"""python -m export graphs: a family's graphs as plain ONNX files, for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import onnx
import typer
from rich.console import Console
from rich.table import Table

from export.adain_form import to_adain_moments, to_adain_operator
from export.assemble import PackOptions, export_graph
from export.families.by_name import FAMILIES, sized_preset, trained_family, untrained_family
from export.fuse_attention import fuse_attention
from export.parity import check_parity
from export.to_fp16 import PRECISIONS, REDUCED
from facesdk.errors import InputError
from facesdk.media.sink import write_atomic

FORMS = {"norm": lambda model: model, "operator": to_adain_operator, "moments": to_adain_moments}
ATTENTIONS = {"products": lambda model: model, "operator": fuse_attention}


def graphs(
    family: Annotated[str, typer.Argument(metavar="FAMILY", help=f"One of {', '.join(FAMILIES)}.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for family.graph.onnx; made if missing.")],
    preset: Annotated[str, typer.Option(help="Sizes of the networks.")] = "paper",
    size: Annotated[int | None, typer.Option(help="Side of a swap's result; default: the preset's own.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Run folder of a family, or the folder of its runs.")] = None,
    random_weights: Annotated[bool, typer.Option("--random-weights", help="Weights as before training.")] = False,
    graph: Annotated[list[str] | None, typer.Option(help="Only this graph; may be repeated.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Fix the batch to this; default: any.")] = None,
    precision: Annotated[str, typer.Option(help=f"One of {', '.join(PRECISIONS)}.")] = "fp32",
    adain: Annotated[
        str, typer.Option(help=f"How adaptive instance normalisation is spelt: {', '.join(FORMS)}.")
    ] = "norm",
    attention: Annotated[
        str, typer.Option(help=f"How attention is spelt: {', '.join(ATTENTIONS)} (of ONNX Runtime, for no other one).")
    ] = "products",
) -> None:
    """Write a family's graphs as ONNX files: any size, fixed or free batch, checked against torch."""
    if (weights is None) == (not random_weights):
        raise InputError(
            f"The family {family} needs its networks: either --weights or --random-weights.",
            "Name a run folder, or take random weights to try a preset.",
        )
    spelt = (("--adain", adain, tuple(FORMS)), ("--attention", attention, tuple(ATTENTIONS)))
    for name, value, known in (("--precision", precision, PRECISIONS), *spelt):
        if value not in known:
            raise InputError(f"{name} {value} is not known.", f"Use one of {', '.join(known)}.")
    if precision == "fp16" and (adain != "norm" or attention != "products"):
        raise InputError(
            "--precision fp16 types every operator, and takes AdaIN and attention as they are traced.",
            "Leave --adain and --attention out.",
        )
    own = sized_preset(preset, size) if family == "style_swap" and size is not None else preset
    found = untrained_family(family, own) if weights is None else trained_family(family, weights, own)
    names = [one.name for one in found.graphs]
    unknown = sorted(set(graph or ()) - set(names))
    if unknown:
        raise InputError(f"{family} has no graph {', '.join(unknown)}.", f"Use one of {', '.join(names)}.")
    out.mkdir(parents=True, exist_ok=True)
    table = Table(title=f"{family} {own}, batch {batch or 'free'}")
    for column in ("file", "MB", "mean difference from torch"):
        table.add_column(column, no_wrap=True)
    for one in found.graphs:
        if graph and one.name not in graph:
            continue
        fixed = one if batch is None else one.at_batch(batch)
        data = export_graph(fixed, PackOptions(precision=precision, backends=())).data  # type: ignore[arg-type]
        if adain != "norm" or attention != "products":
            model = ATTENTIONS[attention](FORMS[adain](onnx.load_from_string(data)))
            data = model.SerializeToString(deterministic=True)
        rows = check_parity(fixed, data, None, ("onnxruntime",), reduced=precision in REDUCED)
        path = out / f"{one.key}.onnx"
        write_atomic(path, data)
        worst = max(row.mean_abs for row in rows)
        table.add_row(path.name, f"{len(data) / 1e6:.2f}", f"{worst:.1e}")
    Console().print(table)
