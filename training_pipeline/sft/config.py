"""The one JSON file that the training program reads."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

SCHEMA: Final = 1
BUILTIN_TINY: Final = "builtin:tiny"
#: Positions that the built-in model can tell apart at least; more where max_length asks for it.
MIN_POSITIONS: Final = 2048

#: Questions that are asked where none is compared.
STOP_QUESTIONS: Final = 8

#: Says what is wrong with a value, or None.
Rule = Callable[[Any], str | None]


class BadConfig(Exception):
    """The configuration cannot be used; `problems` names every field at once."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("The training configuration cannot be used: " + "; ".join(problems) + ".")
        self.problems = problems


@dataclass(frozen=True, slots=True)
class TinySize:
    """The size of the built-in model."""

    vocab_size: int = 1024
    hidden_size: int = 128
    layers: int = 2
    intermediate_size: int = 384
    heads: int = 4

    @property
    def parameters(self) -> int:
        """How many it has with a full vocabulary: embeddings that are tied to the output, attention, gate, norms."""
        layer = 4 * self.hidden_size**2 + 3 * self.hidden_size * self.intermediate_size + 2 * self.hidden_size
        return self.vocab_size * self.hidden_size + self.layers * layer + self.hidden_size


@dataclass(frozen=True, slots=True)
class MlflowTarget:
    """The MLflow run to which this program logs its curves itself."""

    tracking_uri: str
    experiment_id: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Config:
    """What to train, on what, and how. `batch_size` counts examples per optimizer step, over all accumulation."""

    run_dir: Path
    train_file: Path
    validation_file: Path
    base_model: str
    model_name: str
    epochs: int
    learning_rate: float
    batch_size: int
    max_length: int
    method: str = "full"
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.0
    gradient_accumulation_steps: int = 1
    warmup_ratio: float = 0.05
    lr_scheduler: str = "cosine"
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    early_stopping_patience: int = 0
    evaluations_per_epoch: int = 1
    checkpoint_minutes: float = 5.0
    precision: str = "auto"
    #: Whether the model is divided among the GPUs of the machine: where one does not hold it, always or never.
    sharding: str = "auto"
    seed: int = 42
    exact_match_questions: int = 0
    #: Keep a model that stopped after none of its answers, instead of failing.
    allow_never_stops: bool = False
    #: Parquet with the pair ids of both files (`pair_ids`), so that errors can name pairs.
    manifest_file: Path | None = None
    #: What the files must be, by SHA-256; null where it is not compared.
    train_sha256: str | None = None
    validation_sha256: str | None = None
    base_model_files: dict[str, str] | None = None
    #: The commit of a base model from the Hugging Face Hub; null for the newest, which a resume then loads again.
    base_model_revision: str | None = None
    tiny: TinySize = field(default_factory=TinySize)
    mlflow: MlflowTarget | None = None

    @property
    def asked_questions(self) -> int:
        """How many validation examples are asked: those that are compared, or a few, to see whether the model stops."""
        return self.exact_match_questions or STOP_QUESTIONS

    def as_json(self) -> dict[str, Any]:
        """The configuration as plain JSON values."""
        return {
            key: str(value) if isinstance(value, Path) else value for key, value in dataclasses.asdict(self).items()
        }


def whole(low: int, high: int) -> Rule:
    """A whole number between `low` and `high`, both included."""

    def check(value: Any) -> str | None:
        fits = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return None if fits else f"must be a whole number from {low} to {high}, not {_shown(value)}"

    return check


def number(low: float, high: float, *, above_low: bool = False) -> Rule:
    """A finite number between `low` (left out with `above_low`) and `high`."""

    def check(value: Any) -> str | None:
        real = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if real and low <= value <= high and not (above_low and value == low):
            return None
        return f"must be a number {'above' if above_low else 'from'} {low:g} up to {high:g}, not {_shown(value)}"

    return check


def one_of(*options: str) -> Rule:
    """One of the words in `options`."""
    return lambda value: None if value in options else f"must be one of {', '.join(options)}, not {_shown(value)}"


def text(pattern: str, meaning: str) -> Rule:
    """A text that matches `pattern` as a whole."""

    def check(value: Any) -> str | None:
        fits = isinstance(value, str) and re.fullmatch(pattern, value)
        return None if fits else f"must be {meaning}, not {_shown(value)}"

    return check


def or_null(rule: Rule) -> Rule:
    """Null, or what `rule` says."""
    return lambda value: None if value is None else rule(value)


def each_value(rule: Rule) -> Rule:
    """An object whose values are all what `rule` says."""

    def check(value: Any) -> str | None:
        if not isinstance(value, dict):
            return f"must be an object, not {_shown(value)}"
        return next((f"({key}) {problem}" for key, item in value.items() if (problem := rule(item))), None)

    return check


_SHA256: Final = text(r"[0-9a-f]{64}", "a SHA-256 in lower-case hexadecimal")
_PATH: Final = text(r"/.+|[A-Za-z]:[\\/].+", "an absolute path")

#: The bounds are those of the project's TrainingConfig.
RULES: Final[Mapping[str, Rule]] = {
    "run_dir": _PATH,
    "train_file": _PATH,
    "validation_file": _PATH,
    "base_model": text(r"\S.*", f"{BUILTIN_TINY}, an absolute path or a Hugging Face id"),
    "model_name": text(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", "a name of letters, digits, '_', '.' and '-'"),
    "epochs": whole(1, 50),
    "learning_rate": number(1e-7, 1e-1),
    "batch_size": whole(1, 1024),
    "max_length": whole(16, 131072),
    "method": one_of("full", "lora"),
    "lora_rank": whole(1, 512),
    "lora_alpha": whole(1, 1024),
    "lora_dropout": number(0, 0.9),
    "gradient_accumulation_steps": whole(1, 256),
    "warmup_ratio": number(0, 0.5),
    "lr_scheduler": one_of("cosine", "linear", "constant"),
    "weight_decay": number(0, 1),
    "max_grad_norm": number(0, 100, above_low=True),
    "early_stopping_patience": whole(0, 100),
    "evaluations_per_epoch": whole(1, 20),
    "checkpoint_minutes": number(0, 1440, above_low=True),
    "precision": one_of("auto", "bf16", "fp32"),
    "sharding": one_of("auto", "always", "never"),
    "seed": whole(0, 2**31 - 1),
    "exact_match_questions": whole(0, 1000),
    "allow_never_stops": lambda value: (
        None if isinstance(value, bool) else f"must be true or false, not {_shown(value)}"
    ),
    "manifest_file": or_null(_PATH),
    "train_sha256": or_null(_SHA256),
    "validation_sha256": or_null(_SHA256),
    "base_model_files": or_null(each_value(_SHA256)),
    "base_model_revision": or_null(text(r"[0-9a-f]{40}", "a commit of the Hugging Face Hub")),
}
TINY_RULES: Final[Mapping[str, Rule]] = {
    "vocab_size": whole(300, 65536),
    "hidden_size": whole(16, 2048),
    "layers": whole(1, 24),
    "intermediate_size": whole(16, 8192),
    "heads": whole(1, 64),
}
MLFLOW_RULES: Final[Mapping[str, Rule]] = {
    "tracking_uri": text(r"\S+", "the address of a tracking server"),
    "experiment_id": text(r"\S+", "an experiment id"),
    "run_id": text(r"\S+", "a run id"),
}


def read(path: Path) -> Config:
    """The configuration in `path`; raises `BadConfig` with every problem at once. Looks whether the files exist."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadConfig([f"{path} cannot be read ({error.strerror})"]) from None
    except ValueError:
        raise BadConfig([f"{path} is not JSON in UTF-8"]) from None
    if not isinstance(raw, dict):
        raise BadConfig([f"{path} must hold one JSON object"])
    return parse(raw)


def parse(raw: Mapping[str, Any]) -> Config:
    """The configuration in `raw`; raises `BadConfig` with every problem at once. Looks whether the files exist."""
    problems = [] if raw.get("schema") == SCHEMA else [f"schema must be {SCHEMA}, not {_shown(raw.get('schema'))}"]
    values = {key: value for key, value in raw.items() if key not in {"schema", "tiny", "mlflow"}}
    required = {f.name for f in dataclasses.fields(Config) if f.default is f.default_factory is dataclasses.MISSING}
    problems += _problems(values, RULES, required, "")
    problems += _relations(values)
    tiny = _section(raw, "tiny", TINY_RULES, set(), problems) or {}
    mlflow = _section(raw, "mlflow", MLFLOW_RULES, set(MLFLOW_RULES), problems)
    if not problems:
        sizes = dataclasses.asdict(TinySize(**tiny))
        if sizes["hidden_size"] % (2 * sizes["heads"]):
            problems.append(f"tiny.hidden_size {sizes['hidden_size']} must be a multiple of twice tiny.heads")
    if problems:
        raise BadConfig(problems)
    paths = {
        key: Path(values[key])
        for key in ("run_dir", "train_file", "validation_file", "manifest_file")
        if values.get(key) is not None
    }
    return Config(**{**values, **paths}, tiny=TinySize(**tiny), mlflow=MlflowTarget(**mlflow) if mlflow else None)


def _section(
    raw: Mapping[str, Any], key: str, rules: Mapping[str, Rule], required: set[str], problems: list[str]
) -> dict[str, Any] | None:
    """The nested object under `key`, null where it is left out; adds what is wrong with it to `problems`."""
    section = raw.get(key)
    if section is None:
        return None
    if not isinstance(section, dict):
        problems.append(f"{key} must be an object or null, not {_shown(section)}")
        return None
    problems += _problems(section, rules, required, f"{key}.")
    return section


def _problems(values: Mapping[str, Any], rules: Mapping[str, Rule], required: set[str], prefix: str) -> list[str]:
    unknown = sorted(set(values) - set(rules))
    known = f" (known are {', '.join(rules)})" if unknown else ""
    problems = [f"{prefix}{key} is not a known setting{known}" for key in unknown]
    problems += [f"{prefix}{key} is missing" for key in rules if key in required and key not in values]
    found = ((key, rules[key](value)) for key, value in values.items() if key in rules)
    return problems + [f"{prefix}{key} {problem}" for key, problem in found if problem]


def _relations(values: Mapping[str, Any]) -> list[str]:
    """What is wrong between fields that are right by themselves."""
    right = {key: value for key, value in values.items() if key in RULES and RULES[key](value) is None}
    files = {key: right[key] for key in ("train_file", "validation_file") if key in right}
    found = [f"{key} {path} does not exist" for key, path in files.items() if not Path(path).is_file()]
    batch, steps = right.get("batch_size"), right.get("gradient_accumulation_steps")
    if batch and steps and batch % steps:
        found.append(f"gradient_accumulation_steps {steps} must divide batch_size {batch}")
    return found


def _shown(value: Any) -> str:
    shown = json.dumps(value, default=str)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
