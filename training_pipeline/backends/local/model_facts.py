"""What the files of a base model say of it, without loading it: size, width, family, chat template."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from training_pipeline.backends.local.machine import Machine
from training_pipeline.domain.advice.facts import ModelFacts, family_of
from training_pipeline.domain.advice.widths import width_of
from training_pipeline.infra.json_file import read_json
from training_pipeline.sft.config import BUILTIN_TINY, TinySize

#: A header of safetensors is JSON of at most so many bytes: the format's own limit.
_MOST_HEADER: Final = 100_000_000


def model_facts(base_model: str, machine: Machine) -> ModelFacts:
    """What is known of a base model that `plan` chose, and of the machine. Reads small files and headers. Never raises.

    A model of the Hub may not be here yet: its width is that of the copy on this machine or, without one, of a table
    of well-known models. The Hub is not asked.
    """
    of_machine = {"machine": machine.name, "memory_bytes": machine.memory_bytes, "lean": machine.gpu}
    if base_model == BUILTIN_TINY:
        tiny = TinySize()
        return ModelFacts(
            from_scratch=True,
            hidden_size=tiny.hidden_size,
            layers=tiny.layers,
            vocabulary=tiny.vocab_size,
            parameters=tiny.parameters,
            chat=True,
            **of_machine,
        )
    folder = Path(base_model)
    if not folder.is_absolute():
        copy = _config_of_copy(base_model)
        sizes = {"hidden_size": width_of(base_model)} if copy is None else _sizes(copy)
        family = family_of(str((copy or {}).get("model_type") or "")) or family_of(base_model)
        return ModelFacts.model_validate({"family": family, **sizes, **of_machine})
    known = _json(folder / "config.json")
    family = family_of(str(known.get("model_type") or ""))
    read = {"parameters": parameters_of(folder), "chat": _has_template(folder)}
    return ModelFacts.model_validate({"family": family, **_sizes(known), **read, **of_machine})


def _sizes(config: Mapping[str, Any]) -> dict[str, int | None]:
    """What a `config.json` says of the sizes of a model; of one with several parts, those of the text model. Pure."""
    text = config.get("text_config")

    def count(name: str) -> int | None:
        value = config.get(name, text.get(name) if isinstance(text, dict) else None)
        return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None

    return {
        "hidden_size": count("hidden_size"),
        "layers": count("num_hidden_layers"),
        "vocabulary": count("vocab_size"),
        "context_length": count("max_position_embeddings"),
    }


def _config_of_copy(model_id: str) -> dict[str, Any] | None:
    """The `config.json` of the copy of a model of the Hub on this machine; None where there is none. Reads."""
    try:
        from huggingface_hub import try_to_load_from_cache

        path = try_to_load_from_cache(model_id, "config.json")
    except Exception:  # noqa: BLE001 - a name that is none of the Hub's, or a machine without its library
        return None
    return _json(Path(path)) or None if isinstance(path, str) else None


def parameters_of(folder: Path) -> int | None:
    """How many weights the safetensors files of a folder hold, by their headers; null where they do not say. Reads."""
    try:
        files = sorted(folder.glob("*.safetensors"))
        return sum(_weights(file) for file in files) if files else None
    except (OSError, ValueError, TypeError, KeyError, struct.error):
        return None


def _weights(file: Path) -> int:
    with file.open("rb") as opened:
        (length,) = struct.unpack("<Q", opened.read(8))
        if length > _MOST_HEADER:
            raise ValueError("no header of safetensors")
        header = json.loads(opened.read(length))
    if not isinstance(header, dict) or not header.keys() - {"__metadata__"}:
        raise ValueError("no weights in it")
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")


def _has_template(folder: Path) -> bool | None:
    if (folder / "chat_template.jinja").is_file() or (folder / "chat_template.json").is_file():
        return True
    return bool(_json(folder / "tokenizer_config.json").get("chat_template")) if folder.is_dir() else None


def _json(path: Path) -> dict[str, Any]:
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
