"""The base models that this machine can fine-tune."""

from __future__ import annotations

import difflib
import fnmatch
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from training_pipeline.backends.base_models import BaseModelOffer
from training_pipeline.backends.hub import Hub, licence_of_folder, of_hub
from training_pipeline.backends.local.machine import Machine, this_machine
from training_pipeline.backends.local.model_facts import parameters_of
from training_pipeline.domain.advice.memory import weight_bytes
from training_pipeline.domain.errors import BaseModelChanged, FieldProblem
from training_pipeline.domain.lineage import BaseModelRecord
from training_pipeline.infra.json_file import read_json
from training_pipeline.sft.config import BUILTIN_TINY, MIN_POSITIONS, TinySize
from training_pipeline.sft.integrity import folder_sha256
from training_pipeline.sft.model.positions import positions

_TINY_OFFER: Final = BaseModelOffer(
    id=BUILTIN_TINY,
    description=(
        "A very small model for testing the pipeline, created offline from the training split. It learns short answers"
        " that follow from words in the question, and knows nothing else. max_length may raise its number of tokens."
    ),
    parameters=TinySize().parameters,
    context_length=MIN_POSITIONS,
    fits=True,
    default=True,
)

#: `owner/name`, as the Hugging Face Hub allows it: no path, no two dots or hyphens in a row.
_HUB_ID: Final = re.compile(r"(?!.*(?:--|\.\.))[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9](?:[\w.-]{0,94}[\w])?")


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """A base model as the training program is given it. `context_length` counts tokens; null where it is not known."""

    id: str
    from_scratch: bool = False
    context_length: int | None = None


class ModelCatalogue:
    """The built-in model and the model directories below `models_dir`. Reads directories, never writes.

    Beside those a request may name what matches one of `allowed`: patterns of paths and of Hugging Face ids.
    """

    def __init__(
        self,
        models_dir: Path | None,
        hub: Hub | None = None,
        *,
        allowed: Sequence[str] = ("*",),
        machine: Machine | None = None,
    ) -> None:
        self._models_dir = models_dir
        self._hub = hub or Hub()
        self._allowed = tuple(allowed)
        self._machine = machine

    def offers(self) -> list[BaseModelOffer]:
        """The built-in model first, then the directories by name."""
        return [_TINY_OFFER, *(self._offer(directory) for directory in self._directories())]

    def choose(self, base_model: str | None) -> ChosenModel | FieldProblem:
        """The model that `base_model` means, or what is wrong with it.

        It may be an id on offer, the path of an offered model below the models directory, an absolute path or a Hugging
        Face id. Whether the hub has such a model only shows when the training starts. None means the default.
        """
        if base_model is None or base_model == BUILTIN_TINY:
            return ChosenModel(BUILTIN_TINY, from_scratch=True)
        for directory in self._directories():
            if base_model in {str(directory), str(directory.absolute()), self._name(directory)}:
                return self._at_path(directory)
        if Path(base_model).is_absolute():
            # Where a link leads is what counts: tomorrow it may lead elsewhere.
            real = os.path.realpath(base_model)
            found = self._at_path(Path(real)) if self._allows_all_of(real) else self._not_allowed(base_model)
            # A refusal does not tell what there is, but to those who may name anything.
            is_told = isinstance(found, ChosenModel) or "*" in self._allowed
            return found if is_told else self._not_allowed(base_model)
        if _HUB_ID.fullmatch(base_model) and not base_model.endswith((".git", ".ipynb")):
            return self._of_hub(base_model) if self._allows(base_model) else self._not_allowed(base_model)
        return self._unknown(base_model)

    def revision(self, base_model: str) -> str | None:
        """The commit that the model that `choose` gave has at the Hub now; None for others. Asks the Hub, not long."""
        here = base_model == BUILTIN_TINY or Path(base_model).is_absolute()
        return None if here else self._hub.commit_now(base_model)

    def copy_of(self, base_model: str) -> Path | None:
        """The folder with the model that `choose` gave; None where it is not on this machine. Asks no network."""
        if base_model == BUILTIN_TINY:
            return None
        if Path(base_model).is_absolute():
            return Path(base_model)
        copy = self._hub.copy(base_model)
        return None if copy is None else copy.folder

    def tokenizer(self, base_model: str) -> str | None:
        """The model that `choose` gave, and when its tokenizer was changed or from which commit it is. Reads.

        None where there is none yet, or none on this machine.
        """
        if (folder := self.copy_of(base_model)) is None:
            return None
        try:
            changed = (folder / "tokenizer.json").stat().st_mtime_ns
        except OSError:
            changed = 0
        return f"{folder}\n{changed}"

    def identify(self, base_model: str, revision: str | None) -> BaseModelRecord:
        """What exactly the model that `choose` gave is. Reads every byte of a folder, or asks the Hub.

        `revision` is the commit that was found when the job was created. Raises `BaseModelChanged` where its path has
        become a link since, or leads to files that may not be named.
        """
        if base_model == BUILTIN_TINY:
            return BaseModelRecord(reference=base_model)
        if Path(base_model).is_absolute():
            folder = Path(base_model)
            self._refuse_moved(folder)
            return BaseModelRecord(reference=base_model, files=folder_sha256(folder), licence=licence_of_folder(folder))
        return of_hub(base_model, self._hub.model(base_model, revision), at_creation=revision is not None)

    def _of_hub(self, base_model: str) -> ChosenModel:
        copy = self._hub.copy(base_model)
        return ChosenModel(base_model, context_length=None if copy is None else positions(_config(copy.folder)))

    def _refuse_moved(self, folder: Path) -> None:
        """What is offered is where whoever owns the models directory has it; else nothing may lead elsewhere by now."""
        offered = str(folder) in {str(directory.absolute()) for directory in self._directories()}
        if offered or not folder.is_dir() or (folder == folder.resolve() and self._allows_all_of(str(folder))):
            return
        raise BaseModelChanged(
            f"The base model {folder} leads elsewhere than when it was chosen, or to files that may not be used here.",
            hint="Create the job again, with the path of the model itself.",
        )

    def _allows_all_of(self, real: str) -> bool:
        """Whether a folder may be named, and no link in it leads out of it to what may not. Reads directories."""
        if not self._allows(real) or "*" in self._allowed:
            return self._allows(real)
        links = (path for path in Path(real).rglob("*") if path.is_symlink())
        ends = (os.path.realpath(link) for link in links)
        return all(end.startswith(f"{real}{os.sep}") or self._allows(end) for end in ends)

    def _allows(self, name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self._allowed)

    def _not_allowed(self, base_model: str) -> FieldProblem:
        offered = ", ".join(offer.id for offer in self.offers())
        allowed = "; or a model that matches " + ", ".join(self._allowed) if self._allowed else ""
        message = f"there is no base model {base_model} that may be used here. On offer: {offered}{allowed}"
        return FieldProblem("/base_model", "not_allowed", message)

    def _at_path(self, path: Path) -> ChosenModel | FieldProblem:
        if not os.path.isdir(path):  # noqa: PTH112 - unlike Path's, it says no to a name that cannot be one
            return self._problem("not_found", f"there is no directory {path}")
        try:
            config = read_json(path / "config.json")
        except (OSError, ValueError) as error:
            return self._problem("unreadable", f"the base model's configuration cannot be read: {error}")
        if config is None:
            return self._problem("not_a_model", f"{path} holds no config.json, so it is not a model's directory")
        return _at(path)

    def _unknown(self, base_model: str) -> FieldProblem:
        names = {offer.id: offer.id for offer in self.offers()}
        names |= {self._name(directory): str(directory) for directory in self._directories()}
        near = difflib.get_close_matches(base_model, names, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return self._problem("unknown", f"there is no base model {base_model!r}{hint}")

    def _problem(self, code: str, what: str) -> FieldProblem:
        offered = ", ".join(offer.id for offer in self.offers())
        message = f"{what}. On offer: {offered}; or an absolute path, or a Hugging Face id such as owner/name"
        return FieldProblem("/base_model", code, message)

    def _directories(self) -> Iterator[Path]:
        """Directories with a config.json, one or two levels down, as in `owner/name`."""
        if self._models_dir is not None and self._models_dir.is_dir():
            found = [*self._models_dir.glob("*/config.json"), *self._models_dir.glob("*/*/config.json")]
            yield from sorted(config.parent for config in found)

    def _name(self, directory: Path) -> str:
        assert self._models_dir is not None  # noqa: S101 - directories are only found below it
        return directory.relative_to(self._models_dir).as_posix()

    def _offer(self, directory: Path) -> BaseModelOffer:
        config = _config(directory)
        description = f"{self._name(directory)} ({_architecture(config)}), from this machine's models directory"
        parameters = parameters_of(directory)
        return BaseModelOffer(
            id=str(directory),
            description=description,
            parameters=parameters,
            context_length=positions(config),
            licence=licence_of_folder(directory),
            fits=None if parameters is None else fits(parameters, self._machine or this_machine()),
        )


def fits(parameters: int, machine: Machine) -> bool:
    """Whether the memory holds the weights with what LoRA keeps beside them."""
    return weight_bytes(parameters, lora=True, lean=machine.gpu) <= machine.memory_bytes


def _at(directory: Path) -> ChosenModel:
    return ChosenModel(os.fspath(directory.absolute()), context_length=positions(_config(directory)))


def _architecture(config: Mapping[str, Any]) -> str:
    match config:
        case {"architectures": [str(name), *_]} | {"model_type": str(name)} if name:
            return name
    return "unknown architecture"


def _config(directory: Path) -> dict[str, Any]:
    try:
        return read_json(directory / "config.json") or {}
    except (OSError, ValueError):
        return {}  # the directory is still shown; choosing it says what is wrong
