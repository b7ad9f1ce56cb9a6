from __future__ import annotations

import pytest

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.models.export.formats import NOT_MADE, NOT_TESTED, ExportFormat, files_of

HASHES = {"model.safetensors": "a", "config.json": "b", "adapter/adapter_model.safetensors": "c"}


def test_each_format_takes_its_files() -> None:
    assert files_of(ExportFormat.MERGED, HASHES, "m 1") == {"model.safetensors": "a", "config.json": "b"}
    assert files_of(ExportFormat.VLLM, HASHES, "m 1") == files_of(ExportFormat.MERGED, HASHES, "m 1")
    assert files_of(ExportFormat.ADAPTER, HASHES, "m 1") == {"adapter_model.safetensors": "c"}


def test_a_model_that_was_trained_whole_has_no_adapter() -> None:
    with pytest.raises(InvalidRequest, match="m 1 has no adapter"):
        files_of(ExportFormat.ADAPTER, {"model.safetensors": "a"}, "m 1")


@pytest.mark.parametrize("format", sorted({*ExportFormat} - {*NOT_MADE}))
def test_every_format_is_made_or_says_why_not_and_what_is_not_tested_is_told(format: ExportFormat) -> None:
    assert files_of(format, HASHES, "m 1")
    assert (format in NOT_TESTED) is (format is ExportFormat.VLLM)


@pytest.mark.parametrize("format", sorted(NOT_MADE))
def test_what_is_not_made_says_why_and_what_to_do(format: ExportFormat) -> None:
    with pytest.raises(InvalidRequest) as raised:
        files_of(format, HASHES, "m 1")
    assert raised.value.hint
    assert "merged" in raised.value.hint
