"""What the files of a base model say of it, without loading it: size, width, family, chat template."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any, Final

from training_pipeline.backends.base_models import facts_of_built_in
from training_pipeline.backends.local.machine import Machine
from training_pipeline.domain.advice.facts import ModelFacts, family_of
from training_pipeline.domain.advice.widths import size_of
from training_pipeline.infra.files import NotAFile, is_file, read_at_most
from training_pipeline.infra.json_file import read_json
from training_pipeline.sft.config import BUILTIN_TINY
from training_pipeline.sft.model.positions import positions

#: A header of safetensors is JSON of at most so many bytes: the format's own limit.
_MOST_HEADER: Final = 100_000_000
#: Far more than any tensor has: the rest cannot reckon with a number beyond.
_MOST_WEIGHTS: Final = 2**50


def model_facts(base_model: str, machine: Machine, copy: Path | None = None) -> ModelFacts:
    """What is known of a base model that `plan` chose, and of the machine. Reads small files and headers. Never raises.

    `copy` is the folder of a model of the Hub. Where it is not on this machine yet, only its name is known, and its
    size where it is a well-known one.
    """
    of_machine = {"machine": machine.name, "memory_bytes": machine.memory_bytes, "lean": machine.gpu}
    if base_model == BUILTIN_TINY:
        return facts_of_built_in().model_copy(update=of_machine)
    folder = copy or Path(base_model)
    if not folder.is_absolute():
        size = size_of(base_model)
        return ModelFacts(family=family_of(base_model), **({} if size is None else size._asdict()), **of_machine)
    known = _json(folder / "config.json")
    text = known.get("text_config") if isinstance(known.get("text_config"), dict) else {}

    def count(*names: str) -> int | None:
        values = [said[name] for said in (known, text or {}) for name in names if name in said]
        value = values[0] if values else None
        return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MOST_WEIGHTS else None

    return ModelFacts(
        family=family_of(str(known.get("model_type") or "")),
        hidden_size=count("hidden_size", "n_embd", "d_model"),
        layers=count("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
        vocabulary=count("vocab_size"),
        context_length=positions(known),
        parameters=parameters_of(folder),
        chat=_has_template(folder),
        **of_machine,
    )


def parameters_of(folder: Path) -> int | None:
    """How many weights the model in a folder has, by the headers of its safetensors files; null where they do not say.

    Counted are the files that are loaded: some folders hold the same weights twice, whole and in parts. Reads.
    """
    try:
        files = _weight_files(folder)
        return sum(_weights(file) for file in files) if files else None
    except (OSError, NotAFile, ValueError, TypeError, KeyError, AttributeError, RecursionError, struct.error):
        return None


def _weight_files(folder: Path) -> list[Path]:
    """`model.safetensors`, else what its index names, as Transformers loads them; of other names all but Mistral's own
    format (`consolidated*`), which lies beside them.
    """
    if (whole := folder / "model.safetensors").is_file():
        return [whole]
    if (index := folder / "model.safetensors.index.json").is_file():
        return [folder / name for name in sorted(set(_json(index)["weight_map"].values()))]
    return sorted(file for file in folder.glob("*.safetensors") if not file.name.startswith("consolidated"))


def _weights(file: Path) -> int:
    (length,) = struct.unpack("<Q", read_at_most(file, 8))
    if length > _MOST_HEADER:
        raise ValueError("no header of safetensors")
    header = json.loads(read_at_most(file, 8 + length)[8:])
    if not isinstance(header, dict) or not header.keys() - {"__metadata__"}:
        raise ValueError("no weights in it")
    return sum(_product(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")


def _product(shape: list[int]) -> int:
    product = 1
    for length in shape:
        product *= length
        if not isinstance(length, int) or not 0 <= product <= _MOST_WEIGHTS:
            raise ValueError("no shape of a tensor")
    return product


def _has_template(folder: Path) -> bool | None:
    if is_file(folder / "chat_template.jinja") or is_file(folder / "chat_template.json"):
        return True
    return bool(_json(folder / "tokenizer_config.json").get("chat_template")) if os.path.isdir(folder) else None  # noqa: PTH112 - unlike Path's, it never raises


def _json(path: Path) -> dict[str, Any]:
    try:
        return read_json(path) or {}
    except (OSError, ValueError):
        return {}
