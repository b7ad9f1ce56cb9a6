"""How many tokens a model tells apart, which is the most that it can be given, by whatever name its config.json has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..errors import TrainingFailed
from ..run_dir import read_json

#: The names that families give it: most; GPT-2, GPT-J and CodeGen; MPT and DBRX; BLOOM and ChatGLM.
_NAMES: Final = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
#: From here on a number means that there is no limit, such as the 10 to the power of 30 of some families.
_NO_LIMIT: Final = 2**63


def positions(config: Mapping[str, Any]) -> int | None:
    """The positions of a model with this config.json, or those of its text model; None where it does not say."""
    text = config.get("text_config")
    for said in (config, text if isinstance(text, Mapping) else {}):
        for name in _NAMES:
            value = said.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _NO_LIMIT:
                return value
    return None


def refuse_too_long(base_model: str, config: Mapping[str, Any], max_length: int) -> None:
    """Raise `TrainingFailed` where examples could be longer than the model takes."""
    most = positions(config)
    if most is not None and max_length > most:
        raise TrainingFailed(
            "max_length_too_long",
            f"max_length {max_length} is more than the {most} positions that base_model {base_model} knows: lower "
            "max_length.",
        )


def refuse_too_long_for(base_model: str, folder: Path, max_length: int) -> None:
    """The same for the model in `folder`. Reads; says nothing of one without a config.json that can be read."""
    try:
        config = read_json(folder / "config.json")
    except (OSError, ValueError):
        return
    if isinstance(config, dict):
        refuse_too_long(base_model, config, max_length)
