"""The base models that AI Runtime trains: familiar names, where their weights come from, and what holds them.

AI Runtime brings GPUs and no list of models, so the list is ours: `base_models.json`, from the models' own cards,
and a file of the installation's own in the same form that adds to it or replaces entries.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from training_pipeline.backends.base_models import BaseModelOffer, facts_of_built_in
from training_pipeline.databricks.compute import ACCELERATORS
from training_pipeline.domain.advice.facts import ModelFacts, family_of
from training_pipeline.domain.advice.memory import weight_bytes
from training_pipeline.domain.advice.widths import size_of
from training_pipeline.domain.errors import FieldProblem, InvalidRequest
from training_pipeline.infra.json_file import BrokenFile, read_json_value
from training_pipeline.sft.config import BUILTIN_TINY, MIN_POSITIONS, TinySize

BUNDLED: Final = Path(__file__).with_name("base_models.json")

#: Activations, kept small by checkpointing, get a flat allowance.
ACTIVATION_GIGABYTES: Final = 8.0

#: What opens a model whose owner must permit its use.
TOKEN_SETTING: Final = "TRAINING_PIPELINE_DATABRICKS_HF_TOKEN_SECRET"  # noqa: S105 - the name of a setting


class OfferedModel(BaseModel):
    """A base model on offer. `source` is a Hugging Face id, or a path in a Unity Catalog volume.

    `hidden_size`, `layers` and `vocabulary` are those of its configuration, `chat` says whether it has a chat template:
    advice rests on them. `gated` says that Hugging Face gives its weights only to those whom its owner permitted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=200)]
    source: Annotated[str, Field(pattern=r"^(/Volumes/.+|builtin:tiny|[\w.-]+/[\w.-]+)$")]
    description: str
    parameters: Annotated[int, Field(gt=0)] | None = None
    hidden_size: Annotated[int, Field(gt=0)] | None = None
    layers: Annotated[int, Field(gt=0)] | None = None
    vocabulary: Annotated[int, Field(gt=0)] | None = None
    context_length: Annotated[int, Field(gt=0)] | None = None
    chat: bool | None = None
    licence: str | None = None
    gated: bool = False
    default: bool = False

    @property
    def built_in(self) -> bool:
        """Whether the training program makes it; then that says how large it is."""
        return self.source == BUILTIN_TINY

    @property
    def facts(self) -> ModelFacts:
        """What is known of the model without its weights."""
        if self.built_in:
            return facts_of_built_in()
        known = size_of(self.source)
        return ModelFacts(
            family=family_of(self.source),
            hidden_size=self.hidden_size or (known and known.hidden_size),
            layers=self.layers or (known and known.layers),
            vocabulary=self.vocabulary or (known and known.vocabulary),
            parameters=self.parameters or (known and known.parameters),
            context_length=self.context_length,
            chat=self.chat,
        )

    @property
    def from_hub(self) -> bool:
        """Whether its weights come from the Hugging Face Hub."""
        return not self.built_in and not self.source.startswith("/")

    @property
    def needs_token(self) -> bool:
        """Whether a worker needs a token for Hugging Face to fetch it; a copy in a volume needs none."""
        return self.gated and self.from_hub

    def accelerators(self, method: Literal["lora", "full"]) -> tuple[str, ...]:
        """The accelerators whose GPUs together hold the model, the cheapest first; all where its size is unknown."""
        if self.parameters is None:
            return tuple(ACCELERATORS)
        needed = weight_bytes(self.parameters, lora=method == "lora", lean=True) / 1e9 + ACTIVATION_GIGABYTES
        return tuple(name for name, of in ACCELERATORS.items() if of.gpus * of.gigabytes >= needed)


_ENTRIES: Final = TypeAdapter(list[OfferedModel])


class DatabricksModels:
    """The bundled models, and those of `extra`, whose entries win. Reads the files when made.

    `has_token` says whether workers get a token for Hugging Face. Without one, a model that needs it is refused: raises
    `InvalidRequest` where it is the default.
    """

    def __init__(self, extra: Path | None = None, *, has_token: bool = False) -> None:
        entries = {model.id: model for model in _read(BUNDLED)}
        for model in _read(extra) if extra else []:
            entries[model.id] = model
            if model.default:
                entries = {id: entry.model_copy(update={"default": id == model.id}) for id, entry in entries.items()}
        if not any(entry.default for entry in entries.values()):  # its entry was replaced by one that says nothing
            kept = next(model.id for model in _read(BUNDLED) if model.default)
            entries[kept] = entries[kept].model_copy(update={"default": True})
        self._models = entries
        self._has_token = has_token
        default = next(model for model in entries.values() if model.default)
        if problem := self._refusal(default):
            raise InvalidRequest(f"{default.id} cannot be the default base model: it {problem}.")

    def offers(self) -> list[BaseModelOffer]:
        """What is on offer, with what holds each model for LoRA; the default is marked."""
        return [
            BaseModelOffer(
                id=model.id,
                description=model.description + (" (needs its owner's permission on Hugging Face)" * model.needs_token),
                parameters=TinySize().parameters if model.built_in else model.parameters,
                context_length=MIN_POSITIONS if model.built_in else model.context_length,
                licence=model.licence,
                accelerators=model.accelerators("lora"),
                default=model.default,
            )
            for model in self._models.values()
        ]

    def choose(self, base_model: str | None) -> OfferedModel | FieldProblem:
        """The model of that name or source, the default where null; else what is wrong and the names that are near."""
        if base_model is None:
            return next(model for model in self._models.values() if model.default)
        found = self._models.get(base_model)
        found = found or next((model for model in self._models.values() if model.source == base_model), None)
        if found is not None and (problem := self._refusal(found)):
            return FieldProblem("/base_model", "needs_token", f"is {found.id}, which {problem}")
        if found is not None:
            return found
        near = difflib.get_close_matches(base_model.lower(), self._models, n=3, cutoff=0.4)
        meant = f"; did you mean {' or '.join(near)}?" if near else "."
        names = ", ".join(self._models)
        message = f"there is no base model {base_model!r} on offer{meant} On offer: {names}"
        return FieldProblem("/base_model", "unknown", message)

    def _refusal(self, model: OfferedModel) -> str | None:
        """Why workers cannot fetch the model, and what mends that; null where they can."""
        if self._has_token or not model.needs_token:
            return None
        open_ones = ", ".join(each.id for each in self._models.values() if each.from_hub and not each.gated)
        return (
            f"Hugging Face gives only to whom its owner permitted, and workers have no token: set {TOKEN_SETTING} to "
            f"the scope/key of a secret with one, or copy its weights into a volume and name them in "
            f"TRAINING_PIPELINE_DATABRICKS_MODELS_FILE, or choose one that needs none ({open_ones})"
        )


def _read(path: Path) -> list[OfferedModel]:
    """The entries of a file; raises `InvalidRequest` that names the file and everything that is wrong in it."""
    try:
        entries = _ENTRIES.validate_python(read_json_value(path))
    except OSError as error:
        raise InvalidRequest(
            f"The base models in {path} cannot be read: {error.strerror}.",
            hint="Fix TRAINING_PIPELINE_DATABRICKS_MODELS_FILE, or unset it.",
        ) from error
    except ValidationError as error:
        problems = [
            FieldProblem("/" + "/".join(map(str, each["loc"])), each["type"], each["msg"]) for each in error.errors()
        ]
        raise InvalidRequest(f"The base models in {path} are invalid.", problems=problems) from None
    except BrokenFile as error:
        raise InvalidRequest(f"{error}.") from None
    return entries
