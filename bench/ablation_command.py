"""Runs an ablation with the repository's judge and a pack's landmark network, and shows its table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.markdown import Markdown

from bench.ablation import AblationOptions, markdown, run_ablation
from bench.ablation_variants import chosen_variants
from bench.quality.judge import JUDGE, load_judge
from bench.quality.style_swap import landmark_net
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.pack import Pack


def show_ablation(
    names: str,
    data: Sequence[Path],
    out: Path,
    options: AblationOptions,
    pack: Pack,
    judge: Path | None,
    threads: int,
    console: Console,
) -> None:
    """Trains and scores what is missing, and prints the table.

    Args:
        names: of variants, with commas.
        data, out, options: as of `run_ablation`.
        pack: its landmark network scores the shape.
        judge: run folder; None for the repository's.
        threads: of torch.
        console: where the table goes.
    """
    torch.set_num_threads(threads)
    variants = chosen_variants(names)
    with FaceAnalyzer(pack, threads=threads) as analyzer:
        locate = landmark_net(analyzer)
        table = run_ablation(variants, data, out, options, load_judge(judge or JUDGE), locate, console.print)
    console.print(Markdown(markdown(table)))
    console.print(f"Written to {out / 'table.json'} and {out / 'table.md'}", soft_wrap=True)
