"""Whether a base model is loaded from its own files alone: those that are allowed, hashed and on record."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

from ..errors import TrainingFailed

#: How files are called that say in which files the weights are, and the one that is looked for.
_INDEXES: Final = "*.index.json"
_INDEX: Final = "model.safetensors.index.json"
#: Files are looked at that are no larger.
_LARGEST: Final = 1 << 26


def refuse_files_elsewhere(name: str, source: str, model_config: Any, **options: Any) -> None:
    """Raise `TrainingFailed` where the model `name` would be loaded from files beside its own.

    That is: an adapter, for which another model is loaded that it names; and weights whose place is a path, or hidden,
    so that no digest of the folder has them. `options` are those that the model is loaded with. Reads only.
    """
    from transformers.utils.peft_utils import find_adapter_config_file

    known: dict[str, Any] = {key: options[key] for key in ("revision", "local_files_only") if key in options}
    if find_adapter_config_file(source, **known) is not None:
        raise TrainingFailed(
            "base_model_is_adapter",
            f"base_model {name} is an adapter of another model (it has an adapter_config.json): merge the two with "
            "PEFT's merge_and_unload, and give the folder of the merged model.",
        )
    named = [str(getattr(model_config, "transformers_weights", None) or "")]
    for index in _indexes(source, {_INDEX, *filter(_is_plain, named)}, known):
        named += _weights_of(index)
    if elsewhere := sorted({file for file in named if file and not _is_plain(file)}):
        raise TrainingFailed(
            "base_model_reaches_out",
            f"base_model {name} says that its weights are in {elsewhere[0][:100]!r}, which is no plain name of a file "
            "in its folder: put all of its files into the folder, or save it again with save_pretrained.",
        )


def _is_plain(file: str) -> bool:
    return Path(file).name == file and not file.startswith(".")


def _indexes(source: str, names: Collection[str], known: dict[str, Any]) -> Iterator[Path]:
    """The files of the model that name others; of one of the Hub those of `names`, fetched if there are any."""
    if Path(source).is_absolute():
        yield from Path(source).glob(_INDEXES)
        return
    from transformers.utils.hub import cached_file

    quiet = {"_raise_exceptions_for_missing_entries": False, "_raise_exceptions_for_connection_errors": False}
    for name in sorted(name for name in names if name.endswith(_INDEXES[1:])):
        if (found := cached_file(source, name, **known, **quiet)) is not None:
            yield Path(found)


def _weights_of(index: Path) -> list[str]:
    """The files that an index names; none where it cannot be read, and nothing can be loaded by it."""
    try:
        if not index.is_file() or index.stat().st_size > _LARGEST:
            return []
        places = json.loads(index.read_bytes())["weight_map"].values()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []
    return sorted({str(place) for place in places})
