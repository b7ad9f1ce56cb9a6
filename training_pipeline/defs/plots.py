"""Plots for materializations."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def imported() -> None:
    """Import all that a plot needs, which takes half a second. Never needed, for whoever draws imports it."""
    import pandas as pd

    loss_curve(pd.DataFrame({"step": [], "train_loss": [], "val_loss": []}, dtype=float), title="")


def loss_curve(frame: pd.DataFrame, *, title: str) -> str:
    """Training and validation loss over steps, as a Markdown image that holds its own PNG."""
    # The object interface: pyplot would keep figures and a backend for the whole process.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.2), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for name, label in (("train_loss", "training"), ("val_loss", "validation")):
        points = frame.dropna(subset=[name])
        axes.plot(points["step"], points[name], label=label, marker="o" if len(points) < 30 else None, markersize=3)
    axes.set_title(title, fontsize=9, parse_math=False, wrap=True)
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return f"![loss over steps](data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()})"
