from __future__ import annotations

import pytest

from training_pipeline.web.form.form import applies


@pytest.mark.parametrize(
    ("name", "config", "expected"),
    [
        ("lora_rank", {"method": "lora"}, True),
        ("lora_rank", {"method": "full"}, False),
        ("accelerator", {"accelerator": None}, False),
        ("accelerator_count", {"accelerator_count": 1}, True),
        ("epochs", {"method": "full"}, True),
    ],
)
def test_fields_that_change_nothing_are_known(name: str, config: dict[str, object], expected: bool) -> None:
    assert applies(name, config) is expected
