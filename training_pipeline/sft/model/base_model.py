"""Load a base model safely: safetensors only, no code from outside, the number format chosen on purpose."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..config import BUILTIN_TINY, Config
from ..distributed.ranks import OtherFailed, Ranks
from ..encoding.pair_ids import pair_ids
from ..errors import TrainingFailed
from ..integrity import folder_sha256, sha256
from ..run_dir import RunDir
from . import tiny
from .generation import try_generation
from .own_files import refuse_files_elsewhere
from .positions import refuse_too_long

#: Files of which a tokenizer has at least one.
_VOCABULARIES: Final = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
#: Endings of the files that a model of the Hub is loaded from: weights, configuration, tokenizer, chat template.
_LOADED: Final = frozenset({".safetensors", ".json", ".jinja", ".model", ".txt"})
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
#: Below this many weights a step is too short for bf16's conversions to pay on a CPU.
_BF16_CPU_PARAMETERS: Final = 1_000_000
#: Above this many weights activations are recomputed on a GPU instead of kept.
_CHECKPOINTING_PARAMETERS: Final = 500_000_000


@dataclass(frozen=True, slots=True)
class Base:
    """A loaded base model; `precision` is bf16 or fp32, `stored_dtype` the format in which its weights came."""

    model: Any
    tokenizer: Any
    precision: str
    stored_dtype: Any
    parameters: int
    #: The commit of a model from the Hugging Face Hub.
    revision: str | None = None

    @property
    def activation_checkpointing(self) -> bool:
        """Whether activations are recomputed in the backward pass to save memory."""
        import torch

        return torch.cuda.is_available() and self.parameters > _CHECKPOINTING_PARAMETERS


@dataclass(frozen=True, slots=True)
class UnloadedModel:
    """A base model whose weights are not loaded yet; `options` say how they are."""

    source: str
    options: dict[str, Any]
    model_config: Any
    tokenizer: Any
    precision: str
    revision: str | None


def is_local(base_model: str) -> bool:
    """Whether `base_model` needs no network."""
    return base_model == BUILTIN_TINY or Path(base_model).is_absolute()


def is_folder(base_model: str) -> bool:
    """Whether `base_model` names a folder on this machine."""
    return Path(base_model).is_absolute()


def folder_here(base_model: str, revision: str | None) -> Path | None:
    """The folder from which the tokenizer of `base_model` is loaded; null where it is not whole on this machine.

    Of a model of the Hub it is the copy of the commit `revision`, or of the newest one here. Asks no network.
    """
    from huggingface_hub import try_to_load_from_cache

    if is_folder(base_model):
        return Path(base_model)
    if base_model == BUILTIN_TINY:
        return None

    def here(name: str) -> Any:
        return try_to_load_from_cache(base_model, name, revision=revision)

    config = here("tokenizer_config.json")
    if not isinstance(config, str) or not any(isinstance(here(name), str) for name in _VOCABULARIES):
        return None
    # That there is no file with a template says something only where the Hub is known to have none.
    is_whole = here("chat_template.jinja") is not None or '"chat_template"' in Path(config).read_text(encoding="utf-8")
    return Path(config).parent if is_whole else None


def load(config: Config, run: RunDir, revision: str | None = None, ranks: Ranks | None = None) -> Base:
    """The base model and its tokenizer, of the Hub's commit `revision` where one is given, divided among `ranks`.

    As `find` and then `with_weights`.
    """
    return with_weights(config, find(config, run, revision, ranks), ranks)


def find(config: Config, run: RunDir, revision: str | None = None, ranks: Ranks | None = None) -> UnloadedModel:
    """The base model without its weights, of the Hub's commit `revision` where one is given.

    Raises `TrainingFailed` in one sentence if there is none to be had. Writes the built-in model to `run.base` the
    first time.
    """
    from transformers import AutoConfig, AutoTokenizer

    ranks = ranks or Ranks()
    name = config.base_model
    source = name
    if name == BUILTIN_TINY:
        ranks.from_first(lambda: _create_tiny(config, run))
        source = str(run.base)
    elif is_local(name) and not (Path(name) / "config.json").is_file():
        raise TrainingFailed(
            "base_model_not_found",
            f"base_model {name} is not a folder with a model (no config.json in it): give the folder of a model saved "
            f"with save_pretrained, a Hugging Face id, or {BUILTIN_TINY}.",
        )
    if is_local(name):
        try_generation(Path(source), name)
    options: dict[str, Any] = {"trust_remote_code": False, "local_files_only": is_local(name)}
    try:
        loaded = None if is_local(name) else ranks.from_first(lambda: _commit(name, revision))
        if loaded or revision:  # so that all files are of one commit, whatever is pushed meanwhile
            options["revision"] = loaded or revision
        model_config = AutoConfig.from_pretrained(source, **options)
        refuse_files_elsewhere(name, source, model_config, **options)
        tokenizer = AutoTokenizer.from_pretrained(source, **options)
        precision = _precision(config.precision, model_config)
    except (RuntimeError, MemoryError, OtherFailed, TrainingFailed):  # memory that ran out: nothing about the files
        raise
    except Exception as error:  # tokenizers raise bare exceptions, or classes of their own
        raise unloadable(name, error) from error
    refuse_too_long(name, model_config.to_dict(), config.max_length)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return UnloadedModel(source, options, model_config, tokenizer, precision, loaded)


def with_weights(config: Config, found: UnloadedModel, ranks: Ranks | None = None) -> Base:
    """The base model that was found, with its weights, divided among `ranks`. Raises `TrainingFailed` as `find` does.

    Full fine-tuning keeps fp32 weights (bf16 cannot hold AdamW's small steps) and computes in bf16 where that pays.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from ..distributed import sharding

    ranks = ranks or Ranks()
    lean = config.method == "lora" and found.precision == "bf16" and torch.cuda.is_available()
    divided = sharding.options(ranks.count)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            found.source,
            use_safetensors=True,
            dtype=torch.bfloat16 if lean else torch.float32,
            **found.options,
            **divided,
        )
    except (RuntimeError, MemoryError, OtherFailed):  # memory that ran out: nothing about the files
        raise
    except Exception as error:  # safetensors raises bare exceptions, or classes of its own
        raise unloadable(config.base_model, error) from error
    if ranks.count > 1:
        sharding.require_sharded(model, ranks.count)
    parameters = sum(weight.numel() for weight in model.parameters())
    stored_dtype = getattr(found.model_config, "dtype", None) or torch.float32
    return Base(model, found.tokenizer, found.precision, stored_dtype, parameters, found.revision)


def loaded_files(config: Config, found: UnloadedModel) -> dict[str, str] | None:
    """The SHA-256 of the files of a base model that was loaded, by name; null for the built-in one. Reads only.

    Of one in a folder they are all of its files, as in its record; in the copy of the Hub others may lie that nothing
    was loaded from, and come later.
    """
    if config.base_model == BUILTIN_TINY:
        return None
    if is_folder(config.base_model):
        return config.base_model_files or folder_sha256(Path(found.source))
    from transformers.utils.hub import cached_file

    path = cached_file(found.source, "config.json", revision=found.revision, local_files_only=True)
    files = sorted(Path(path).parent.iterdir()) if path else []
    return {file.name: sha256(file) for file in files if file.suffix in _LOADED and file.is_file()}


def _create_tiny(config: Config, run: RunDir) -> None:
    tiny.create(
        run.base,
        config.train_file,
        config.tiny,
        max_length=config.max_length,
        seed=config.seed,
        ids=pair_ids(config.manifest_file, "train"),
    )


def _commit(name: str, revision: str | None) -> str | None:
    """The commit of the Hub that `revision`, or the newest one, means: files lie in a folder named by it."""
    from transformers.utils.hub import cached_file

    path = cached_file(name, "config.json", revision=revision)
    commit = Path(path).parent.name if path else ""
    return commit if _COMMIT.fullmatch(commit) else None


def _precision(wanted: str, model_config: Any) -> str:
    """bf16 where the hardware computes in it and the model is large enough for it to pay; else fp32."""
    import torch

    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    hidden = getattr(model_config, "hidden_size", 0) or 0
    layers = getattr(model_config, "num_hidden_layers", 0) or 0
    # 12 · layers · hidden² is the usual estimate of a transformer's weights without its embeddings.
    large = 12 * layers * hidden**2 > _BF16_CPU_PARAMETERS
    return "bf16" if large and _cpu_computes_bf16() else "fp32"


def _cpu_computes_bf16() -> bool:
    """Whether matrix products in bf16 are instructions of this CPU."""
    import torch

    return any(torch.cpu.get_capabilities().get(name) for name in ("avx512_bf16", "amx_bf16"))


def unloadable(name: str, error: Exception) -> TrainingFailed:
    """Why the model `name` could not be loaded, in a sentence with what to do."""
    text = str(error)
    if type(error).__name__ == "SafetensorError":
        return TrainingFailed(
            "base_model_damaged", f"base_model {name} has damaged weights: copy or download the model again."
        )
    if "safetensors" in text:
        return TrainingFailed(
            "base_model_not_safetensors",
            f"base_model {name} has no weights in safetensors format; pickled weights are not loaded, as they can run "
            "code: choose a model with *.safetensors files.",
        )
    if "trust_remote_code" in text:
        return TrainingFailed(
            "base_model_needs_code", f"base_model {name} needs code of its own, which is not run: choose another model."
        )
    if is_local(name):
        return TrainingFailed(
            "base_model_unloadable",
            f"base_model {name} cannot be loaded as a causal language model ({type(error).__name__}): its folder must "
            "hold config.json, *.safetensors and a tokenizer.",
        )
    unreachable = any(
        word in text for word in ("couldn't connect", "Connection", "offline mode", "timed out", "resolve")
    )
    if unreachable:
        return TrainingFailed(
            "hub_unreachable",
            f"base_model {name} is not on this machine and huggingface.co cannot be reached: check the network and the "
            "spelling, or give the absolute path of a downloaded model.",
            recurs=False,
        )
    return TrainingFailed(
        "base_model_unloadable",
        f"base_model {name} cannot be loaded from Hugging Face: it does not exist, is no causal language model, or "
        "needs a login (environment variable HF_TOKEN). Check the spelling.",
    )
