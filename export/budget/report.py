"""A budget for people: a table and a plot."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from export.budget.budget import Budget, SetBudget
from facesdk.errors import BackendError

PARTS = {
    "weights": "#4c6a92",
    "activations": "#c28f2c",
    "workspace": "#8a8a8a",
    "inputs and outputs": "#6f9f6a",
}


def budget_table(budget: Budget) -> Table:
    """Every graph of every set, in MB of 10^6 bytes, with sums and bounds."""
    table = Table(title=f"GPU memory of {budget.subject}, MB")
    for column in ("set", "batch", "graph", "from", "picture"):
        table.add_column(column, no_wrap=True)
    for column in ("weights", "activations", "workspace", "I/O", "sum", "bound"):
        table.add_column(column, justify="right")
    for item in budget.sets:
        for cost in item.costs:
            size = "" if cost.size_hw is None else f"{cost.size_hw[0]}x{cost.size_hw[1]}"
            table.add_row(item.name, str(item.batch), cost.graph, cost.source, size, *_row(cost.parts), "")
        style = "bold" if item.ok else "bold red"
        sums = {part: sum(cost.parts[part] for cost in item.costs) for part in PARTS}
        table.add_row(
            item.name, str(item.batch), "all", "", "", *_row(sums), f"{item.bound_bytes / 1e6:.0f}",
            style=style, end_section=True,
        )  # fmt: skip
    for batch in budget.batches:
        loaded = budget.loaded_bytes(batch)
        table.add_row(
            "all sets", str(batch), "with the CUDA context", "assumed", "", "", "", "", "",
            f"{loaded / 1e6:.2f}", f"{budget.vram_bytes / 1e6:.0f}",
            style="bold" if loaded <= budget.vram_bytes else "bold red",
        )  # fmt: skip
    return table


def notes(budget: Budget) -> list[str]:
    """What the figures rest on, one line each."""
    lines = [
        f"plan: as the engine's builder planned it. estimate: from the ONNX graph. CUDA context: "
        f"{budget.context_bytes / 1e6:.0f} MB, assumed."
    ]
    costs = [cost for item in budget.sets for cost in item.costs if cost.source == "estimate" and cost.note]
    lines += list(dict.fromkeys(f"{cost.graph}: {cost.note}" for cost in costs))
    for item in budget.sets:
        pieces = sorted({cost.batch for cost in item.costs if cost.batch < item.batch})
        if pieces:
            lines.append(f"{item.name} at batch {item.batch}: engines take {pieces[0]} at once, so it runs in pieces")
        lines.append(
            f"{item.name} at batch {item.batch}: {item.total_bytes / 1e6:.1f} MB; in one activation buffer, as the "
            f"runtime's engines are, {item.shared_bytes / 1e6:.1f} MB"
        )
    return lines


def plot_budget(budget: Budget, path: Path) -> None:
    """One bar for each set and batch, against its bound.

    Args:
        budget: what to draw.
        path: a PNG, written whole or not at all.

    Raises:
        BackendError: matplotlib is not installed.
    """
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError as error:
        raise BackendError(f"A plot needs matplotlib ({error}).", "pip install facesdk[export]") from error
    figure, axes = pyplot.subplots(figsize=(8, 1.5 + 0.7 * len(budget.sets)), layout="constrained")
    for row, item in enumerate(budget.sets):
        left = 0.0
        for part, color in PARTS.items():
            width = sum(cost.parts[part] for cost in item.costs) / 1e6
            axes.barh(row, width, left=left, color=color, height=0.55, label=part if row == 0 else None)
            left += width
        axes.plot([item.bound_bytes / 1e6] * 2, [row - 0.4, row + 0.4], color="black" if item.ok else "red", lw=2)
        axes.text(left, row, f"  {left:.0f} MB", va="center", fontsize=9)
    axes.set_yticks(range(len(budget.sets)), [_label(item) for item in budget.sets])
    axes.invert_yaxis()
    axes.set_xlabel("MB on the GPU; black: the set's bound")
    axes.set_title(budget.subject, fontsize=10)
    figure.legend(loc="outside lower center", ncols=len(PARTS), fontsize=8, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    staged = path.with_name(f".{path.name}.tmp")
    try:
        figure.savefig(staged, format="png", dpi=120)
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)
        pyplot.close(figure)


def _row(parts: dict[str, int]) -> list[str]:
    values = [parts[part] for part in PARTS]
    return [f"{value / 1e6:.2f}" for value in (*values, sum(values))]


def _label(item: SetBudget) -> str:
    return f"{item.name}\nbatch {item.batch}"
