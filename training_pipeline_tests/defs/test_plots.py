from __future__ import annotations

import base64
import struct

import pandas as pd
import pytest

from training_pipeline.defs.plots import loss_curve


@pytest.mark.parametrize("steps", [1, 5, 60])
def test_a_loss_curve_is_a_png_that_needs_no_other_file(steps: int) -> None:
    frame = pd.DataFrame(
        {
            "step": range(1, steps + 1),
            "train_loss": [4.0 / step for step in range(1, steps + 1)],
            "val_loss": [None if step % 10 else 5.0 / step for step in range(1, steps + 1)],
        }
    )
    shown = loss_curve(frame, title=r"triage$_model^ on sheet-\123, learning rate 0.0002")
    assert shown.startswith("![loss over steps](data:image/png;base64,")
    png = base64.b64decode(shown.partition("base64,")[2].removesuffix(")"), validate=True)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (640, 320)


def test_no_figure_is_kept_for_the_whole_process() -> None:
    from matplotlib import pyplot

    loss_curve(pd.DataFrame({"step": [1], "train_loss": [1.0], "val_loss": [1.0]}), title="a" * 300)
    assert pyplot.get_fignums() == []
