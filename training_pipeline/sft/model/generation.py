"""How a model generates by default: kept such that it can be saved again, and ended by what it was trained to end with.

transformers warns of a generation configuration as it was published, and refuses to save one that was changed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from ..errors import TrainingFailed

#: What means something only where tokens are drawn.
_SAMPLING: Final = (
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "top_h",
    "typical_p",
    "epsilon_cutoff",
    "eta_cutoff",
)
#: What means something only where several answers are followed at once.
_BEAMS: Final = ("early_stopping", "length_penalty")
#: What means something only where more than the answer is asked for.
_BESIDE: Final = ("output_attentions", "output_hidden_states", "output_scores", "output_logits")


def generation_of(generation: Any, base_model: str, ends: frozenset[int] = frozenset()) -> list[int]:
    """Let `generation`, a model's configuration, end with `ends` too, and be one that can be saved; all its end tokens.

    Values that its own mode ignores are taken away. Raises `TrainingFailed` where it still could not be saved.
    """
    known = generation.eos_token_id
    before = known if isinstance(known, list) else [] if known is None else [known]
    generation.eos_token_id = [*before, *sorted(ends - {*before})]
    _forget_ignored(generation)
    try:
        generation.validate(strict=True)
    except (ValueError, TypeError) as error:
        raise _unusable(base_model, error) from error
    return list(generation.eos_token_id)


def try_generation(folder: Path, base_model: str) -> None:
    """Raise `TrainingFailed` where a training of the model in `folder` would, for how it generates. Reads only."""
    from transformers import GenerationConfig

    if not (folder / "generation_config.json").is_file():  # made from config.json, of which only what is valid is taken
        return
    try:
        generation = GenerationConfig.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, TypeError) as error:
        raise _unusable(base_model, error) from error
    generation_of(generation, base_model)


def _unusable(base_model: str, error: Exception) -> TrainingFailed:
    said = str(error).strip().replace("\n", " ")[:300]
    return TrainingFailed(
        "generation_config_unusable",
        f"generation_config.json of base_model {base_model} cannot be used ({said}): correct it in a copy of the "
        "model, or choose another base_model.",
    )


def _forget_ignored(generation: Any) -> None:
    if generation.do_sample is not True:
        _forget(generation, _SAMPLING)
    if generation.num_beams in (None, 1):
        _forget(generation, _BEAMS)
    if generation.return_dict_in_generate is not True:
        _forget(generation, _BESIDE)
    if generation.use_cache is False:
        _forget(generation, ("cache_implementation", "cache_config"))
    if (generation.pad_token_id or 0) < 0:  # how some say that there is none
        generation.pad_token_id = None
    generation.num_return_sequences = None  # whoever asks a model is given one answer


def _forget(generation: Any, names: tuple[str, ...]) -> None:
    for name in names:
        if getattr(generation, name, None) is not None:
            setattr(generation, name, None)
