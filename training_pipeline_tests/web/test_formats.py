from __future__ import annotations

import pytest

from training_pipeline.web import formats


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "-"),
        (0, "0 s"),
        (0.2, "under 1 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (86399, "23 h 59 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_durations(seconds: float | None, words: str) -> None:
    assert formats.seconds(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "-"),
        (0, "0"),
        (0.42191, "0.4219"),
        (6.7, "6.7"),
        (3.96e-8, "3.96e-08"),
        (12345.6, "12,346"),
        (525000.0, "525,000"),
    ],
)
def test_figures(value: float | None, words: str) -> None:
    assert formats.figure(value) == words


@pytest.mark.parametrize(("amount", "words"), [(0, "0.00"), (0.00123, "0.0012"), (0.5, "0.5"), (1234.5, "1,234.50")])
def test_money(amount: float, words: str) -> None:
    assert formats.money(amount) == words


def test_names_and_values() -> None:
    assert formats.words("max_length") == "Max length"
    assert formats.words("lora_rank") == "LoRA rank"
    assert formats.words("uc_catalog") == "Unity Catalog catalog"
    assert [formats.value(found) for found in (None, True, 5e-05, 3, "auto")] == ["-", "yes", "5e-05", "3", "auto"]
    assert [formats.value(found) for found in (0.00017364281, 30.0, 1e6)] == ["0.00017364281", "30", "1000000"]
    assert (formats.count(12345), formats.percent(42.4)) == ("12,345", "42 %")
    assert [formats.share(found) for found in (None, 0.8, 2 / 3, 1)] == ["-", "80 %", "66.67 %", "100 %"]
    assert [formats.loss(found) for found in (None, 1.15, 0.304, 2.5e-5)] == ["-", "1.150", "0.3040", "2.500e-05"]
