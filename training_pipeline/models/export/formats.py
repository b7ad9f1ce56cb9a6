"""The formats of an export: which files of a version each takes, and what is not made or not tested."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from training_pipeline.domain.errors import InvalidRequest

#: Where a training with LoRA leaves its adapter, within the folder of the model.
_ADAPTER: Final = "adapter/"


class ExportFormat(StrEnum):
    """What can be asked for."""

    ADAPTER = "adapter"
    MERGED = "merged"
    GGUF = "gguf"
    VLLM = "vllm"


#: Why a format is not made, and what to do instead.
NOT_MADE: Final[Mapping[ExportFormat, tuple[str, str]]] = {
    ExportFormat.GGUF: (
        "GGUF cannot be exported: llama.cpp's own package of PyPI, `gguf`, holds no converter of models; that is a "
        "script of its repository, and what it makes cannot be tested here.",
        "Export `merged`, and run `convert_hf_to_gguf.py` of llama.cpp on that folder. Compare its answers yourself.",
    ),
}

_COPIED: Final = (
    "The files are those of the trained model, byte for byte: that the answers are the same shows that the folder is "
    "whole and loads on its own."
)
#: What the same answers show of a format.
TESTED: Final[Mapping[ExportFormat, str]] = {
    ExportFormat.ADAPTER: "The adapter on its base model answers as the trained model.",
    ExportFormat.MERGED: _COPIED,
    ExportFormat.VLLM: _COPIED,
}

#: What of a format was not tested, although its files were.
NOT_TESTED: Final[Mapping[ExportFormat, str]] = {
    ExportFormat.VLLM: "vLLM itself was not run: it needs another release of transformers than this program. The "
    "answers that were compared are those of transformers with the same files. Run `vllm serve FOLDER` in an "
    "environment of its own, and compare its answers before you rely on them.",
}


def files_of(format: ExportFormat, hashes: Mapping[str, str], named: str) -> dict[str, str]:
    """The files of the model that the format takes, by their path in the export; with their SHA-256.

    Raises `InvalidRequest` for a format that is not made, and for the adapter of a model that has none.
    """
    if format in NOT_MADE:
        message, hint = NOT_MADE[format]
        raise InvalidRequest(message, hint=hint)
    if format in {ExportFormat.MERGED, ExportFormat.VLLM}:  # vLLM loads a model as transformers saves it
        return {path: digest for path, digest in hashes.items() if not path.startswith(_ADAPTER)}
    found = {path.removeprefix(_ADAPTER): digest for path, digest in hashes.items() if path.startswith(_ADAPTER)}
    if not found:
        raise InvalidRequest(
            f"{named} has no adapter: all of its weights were trained.", hint="Export it with `--format merged`."
        )
    return found


def place_of(format: ExportFormat) -> str:
    """The folder of the format's files within that of the model; "" where they stand in it."""
    return _ADAPTER if format is ExportFormat.ADAPTER else ""
