"""python -m export: networks out of run folders into a pack."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.console import Console
from rich.table import Table

from export.assemble import ExportedGraph, PackOptions, assemble, pack_bytes
from export.budget.command import budget
from export.engine.command import engine
from export.families.faces import TASKS, faces_family
from export.families.family import Family
from export.families.latent_flow import latent_flow_family
from export.families.style_swap import style_swap_family
from export.families.untrained import untrained_generator
from export.generator_runs import load_generator, load_prior
from export.graphs_command import graphs
from export.import_command import import_file
from export.model_card import read_quality
from export.parity import BACKENDS, parity_table
from export.parity_figures import write_figures
from export.run_record import check_preset, run_record
from export.sign import make_key, sign_pack
from export.to_fp16 import PRECISIONS, Precision
from export.typical import add_typical
from export.unpack_command import unpack_net
from facesdk.errors import FacesdkError, InputError
from train.checkpoint import load_model
from train.models.style_swap import StyleSwap

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Trained networks into packs: graphs, signatures, engines, memory budgets; and weights from elsewhere.",
)
console = Console()

Out = Annotated[Path, typer.Option("-o", "--out", help="The pack's folder: made, or extended.")]
Preset = Annotated[str, typer.Option(help="Preset that the weights must have been trained with.")]
PrecisionOption = Annotated[str, typer.Option("--precision", help=f"One of {', '.join(PRECISIONS)}.")]
Backend = Annotated[
    list[str] | None,
    typer.Option(help=f"Compare with torch on this one: {', '.join(BACKENDS)}; may be repeated. Default: all."),
]
Pictures = Annotated[Path | None, typer.Option(help="Folder of rendered crops: compare on them, too.")]
Quality = Annotated[
    list[Path] | None, typer.Option(help="JSON of python -m bench, for the model card; may be repeated.")
]
Name = Annotated[str | None, typer.Option(help="The pack's name; default: as it was, else nano.")]
Version = Annotated[str | None, typer.Option(help="The pack's version; default: as it was, else 0.1.0.")]
MaxMb = Annotated[float, typer.Option(help="Largest size of the whole pack in MB (10^6 bytes).")]


@app.command("style_swap")
def style_swap(
    weights: Annotated[Path, typer.Option(help="Run folder: model.safetensors and preset.json.")],
    out: Out,
    preset: Preset = "nano",
    precision: PrecisionOption = "fp16-weights",
    backend: Backend = None,
    pictures: Pictures = None,
    quality: Quality = None,
    name: Name = None,
    version: Version = None,
    max_mb: MaxMb = 40.0,
) -> None:
    """Export the swap's encoder, blending module and decoder."""
    net, record = load_model(weights)
    check_preset(weights, record, preset)
    if not isinstance(net, StyleSwap):
        raise InputError(
            f"{weights} holds a {type(net).__name__}, expected a StyleSwap.", "Name a run of train style_swap."
        )
    family = style_swap_family(net, run_record(weights, record))
    _export([family], out, _options(name, version, preset, precision, backend, pictures, quality, max_mb))


@app.command("faces")
def faces(
    weights: Annotated[Path, typer.Option(help=f"Folder with run folders, some of {', '.join(TASKS)}.")],
    out: Out,
    preset: Preset = "nano",
    precision: PrecisionOption = "fp16-weights",
    backend: Backend = None,
    pictures: Pictures = None,
    quality: Quality = None,
    name: Name = None,
    version: Version = None,
    max_mb: MaxMb = 40.0,
) -> None:
    """Export the analysis networks; those that are missing stay as the pack has them."""
    runs = {net: weights / net for net in TASKS if (weights / net / "preset.json").is_file()}
    if not runs:
        raise InputError(
            f"{weights}: none of the run folders {', '.join(TASKS)} is there.", "Train them: python -m train --help"
        )
    nets, training = {}, {}
    for net, run in runs.items():
        nets[net], record = load_model(run)
        check_preset(run, record, preset)
        training[net] = run_record(run, record)
    family = faces_family(nets, training)
    _export([family], out, _options(name, version, preset, precision, backend, pictures, quality, max_mb))


@app.command("latent_flow")
def latent_flow(
    out: Out,
    vae: Annotated[Path | None, typer.Option(help="Run folder of `python -m train vae`.")] = None,
    flow: Annotated[Path | None, typer.Option(help="Run folder of `python -m train flow`.")] = None,
    latents_of: Annotated[
        Path | None, typer.Option(help="VAE run whose latents the flow learned, if --vae has a decoder trained on.")
    ] = None,
    random_weights: Annotated[
        bool, typer.Option("--random-weights", help="No runs: weights as before training, to measure a preset.")
    ] = False,
    preset: Preset = "nano",
    precision: PrecisionOption = "int8-weights",
    flow_precision: Annotated[str | None, typer.Option(help="Of velocity net and sampler, if another.")] = None,
    backend: Backend = None,
    pictures: Pictures = None,
    quality: Quality = None,
    figures: Annotated[
        Path | None, typer.Option(help="Write the parity as JSON of python -m bench, for another pack's card.")
    ] = None,
    name: Name = None,
    version: Version = None,
    max_mb: MaxMb = 40.0,
) -> None:
    """Export the generator's encoder, decoder, velocity net and four-step sampler."""
    options = _options(name, version, preset, precision, backend, pictures, quality, max_mb)
    if flow_precision is not None:
        own = _precision(flow_precision, "--flow-precision")
        options = replace(options, precisions={"velocity": own, "sampler": own})
    if random_weights:
        if vae is not None or flow is not None or out.exists():
            raise InputError(
                "--random-weights makes a pack of its own: no --vae, no --flow, and a new folder for -o.",
                "Leave it out to export trained networks.",
            )
        nets, prior = untrained_generator(preset), None
        options = replace(options, name=name or f"untrained-{preset}")
    elif vae is None or flow is None:
        raise InputError("latent_flow needs two runs: --vae and --flow.", "Train them: python -m train --help")
    else:
        nets = load_generator(vae, flow, latents_of or vae, preset)
        prior = load_prior(latents_of or vae)
    exported = _export([latent_flow_family(*nets, prior)], out, options)
    if figures is not None:
        title = f"latent_flow {preset}, parity{' with random weights' if random_weights else ''}"
        write_figures(figures, title, exported)


@app.command("card")
def card(out: Out, quality: Quality = None, name: Name = None, version: Version = None, max_mb: MaxMb = 40.0) -> None:
    """Write a pack's model card anew, with figures that were measured since; its graphs stay as they are."""
    if not (out / "manifest.json").is_file():
        raise InputError(f"{out} is no pack (it has no manifest.json).", "Export a family into it first.")
    _export(
        [], out, PackOptions(name, version, quality=tuple(read_quality(quality or [])), max_bytes=int(max_mb * 1e6))
    )


@app.command("typical")
def typical(
    pack: Annotated[Path, typer.Argument(help="The pack's folder.")],
    data: Annotated[Path, typer.Option(help="Folder of rendered portraits, training and validation.")],
    pictures: Annotated[int, typer.Option(min=100, help="Of each of the two.")] = 1000,
    backend: Annotated[str, typer.Option(help="Runtime backend.")] = "auto",
) -> None:
    """Measure what faces usually look like to a pack, so that `analyze` says when one is unlike them."""
    with console.status("Asking the pack about rendered people"):
        table = add_typical(pack, data, pictures, backend)
    console.print(f"{pack}: what is usual, from {table.faces} faces of validation; sign it anew", soft_wrap=True)


@app.command("keygen")
def keygen(
    out: Annotated[Path, typer.Option("-o", "--out", help="The private key's file, outside the repository.")],
) -> None:
    """Make a key pair that signs packs for others."""
    key, public = make_key(out)
    console.print(f"private  {out}  (keep it secret and out of the repository)", soft_wrap=True)
    console.print(f"public   {public}  {key}", soft_wrap=True)


@app.command("sign")
def sign(
    pack: Annotated[Path, typer.Argument(help="The pack's folder.")],
    key: Annotated[
        Path | None,
        typer.Option(help="The private key's file. Default: this machine's own, which no other one trusts."),
    ] = None,
) -> None:
    """Verify a pack's every byte and sign its manifest: after each export, for it is another pack then."""
    public = sign_pack(pack, key)
    console.print(f"{pack}: signed by {public}" + ("" if key else " (this machine)"), soft_wrap=True)


app.command("engine")(engine)
app.command("budget")(budget)
app.command("graphs")(graphs)
app.command("import")(import_file)
app.command("unpack")(unpack_net)


def _options(
    name: str | None,
    version: str | None,
    preset: str,
    precision: str,
    backend: list[str] | None,
    pictures: Path | None,
    quality: list[Path] | None,
    max_mb: float,
) -> PackOptions:
    return PackOptions(
        name=name,
        version=version,
        preset=preset,
        precision=_precision(precision, "--precision"),
        backends=tuple(backend) if backend else None,
        pictures=pictures,
        quality=tuple(read_quality(quality or [])),
        max_bytes=int(max_mb * 1e6),
    )


def _precision(text: str, option: str) -> Precision:
    if text not in PRECISIONS:
        raise InputError(f"{option} {text} is not known.", f"Use one of {', '.join(PRECISIONS)}.")
    return cast(Precision, text)


def _export(families: Sequence[Family], out: Path, options: PackOptions) -> list[ExportedGraph]:
    with console.status("Tracing, converting, comparing with torch"):
        exported = assemble(families, out, options)
    if exported:
        console.print(_size_table(exported))
        console.print(parity_table([row for item in exported for row in (*item.parity, *item.final)]))
    console.print(f"{out}: {pack_bytes(out) / 1e6:.2f} MB of at most {options.max_bytes / 1e6:.2f} MB", soft_wrap=True)
    console.print(
        f"Signed with this machine's own key: it opens here only. For others: python -m export sign {out} --key FILE",
        soft_wrap=True,
    )
    return exported


def _size_table(exported: Sequence[ExportedGraph]) -> Table:
    table = Table(title="Graphs")
    for column in ("graph", "precision"):
        table.add_column(column, no_wrap=True)
    for column in ("parameters", "MB"):
        table.add_column(column, justify="right")
    for side in ("inputs", "outputs"):
        table.add_column(side)
    for item in exported:
        parameters = sum(p.numel() for owner in item.graph.owners for p in owner.parameters())
        names = [", ".join(t.name for t in side) for side in (item.graph.inputs, item.graph.outputs)]
        table.add_row(item.graph.key, item.precision, f"{parameters:,}", f"{len(item.data) / 1e6:.2f}", *names)
    return table


def main() -> None:
    """Runs the command line; an expected error is one message and its exit code."""
    try:
        app()
    except FacesdkError as error:
        Console(stderr=True).print(f"Error: {error}", style="red", markup=False, highlight=False)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
