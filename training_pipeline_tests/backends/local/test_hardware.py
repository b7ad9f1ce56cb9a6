from __future__ import annotations

from pathlib import Path

import pytest

from training_pipeline.backends.local.hardware import best_precision


@pytest.mark.parametrize(
    ("cpuinfo", "precision"),
    [
        ("model name\t: X\nflags\t\t: fpu sse avx512_bf16 vme\n", "bf16"),
        ("flags : fpu amx_bf16\n", "bf16"),
        ("Features\t: fp asimd bf16 i8mm\n", "bf16"),
        ("flags : fpu sse avx2\nmodel name : bf16\n", "fp32"),
        ("flags : nobf16\n", "fp32"),
    ],
)
def test_the_processor_decides(tmp_path: Path, cpuinfo: str, precision: str) -> None:
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    assert best_precision(tmp_path / "cpuinfo", tmp_path / "no-gpu") == precision


def test_a_gpu_or_no_linux(tmp_path: Path) -> None:
    assert best_precision(tmp_path / "none", tmp_path) == "bf16"
    assert best_precision(tmp_path / "none", tmp_path / "none") == "fp32"
