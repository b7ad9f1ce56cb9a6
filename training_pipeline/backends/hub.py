"""What the Hugging Face Hub says of a model: which commit its name means now, and its licence."""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from training_pipeline.domain.lineage import BaseModelRecord
from training_pipeline.infra.files import read_at_most

#: A model card is of others: a larger one is not read, and of a longer licence only this much is kept.
_CARD_BYTES: Final = 1 << 20
#: The YAML at the beginning of a card.
_FRONT: Final = re.compile(r"\s*---[\r\n]+(.*?)[\r\n]+---[ \t]*(?:[\r\n]|$)", re.DOTALL)
_FRONT_LENGTH: Final = 1 << 16
_LICENCE_LENGTH: Final = 200
_TOKENIZER: Final = "tokenizer_config.json"


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model of the Hub at one commit. Null is what could not be found out."""

    commit: str | None = None
    licence: str | None = None


@dataclass(frozen=True, slots=True)
class HubCopy:
    """A model of the Hub in a folder of this machine, at one commit."""

    folder: Path
    commit: str


class Hub:
    """The Hub, and the copy of it on this machine. Its answers never fail: at worst nothing is known.

    It may take `seconds_at_creation` to answer when a job is created, and `seconds` when it is launched.
    """

    def __init__(self, *, seconds_at_creation: float = 3.0, seconds: float = 10.0) -> None:
        self._seconds_at_creation = seconds_at_creation
        self._seconds = seconds

    def commit_now(self, model_id: str) -> str | None:
        """The commit that `model_id` (`owner/name`) means at the Hub now; None where it does not say so in time."""
        answer: queue.SimpleQueue[str | None] = queue.SimpleQueue()

        def ask() -> None:
            answer.put(_asked(model_id, None, self._seconds_at_creation).commit)

        # The library's own limit is one for each packet. A thread that is late is left alone and keeps nothing alive.
        try:
            threading.Thread(target=ask, daemon=True, name="hub-commit").start()
            return answer.get(timeout=self._seconds_at_creation)
        except (queue.Empty, RuntimeError):  # it is late, or the machine has no more threads
            return None

    def copy(self, model_id: str) -> HubCopy | None:
        """The copy of a model on this machine, as last downloaded; None without its tokenizer. Asks no network."""
        commit = _newest_here(model_id)
        folder = None if commit is None else _folder(model_id) / "snapshots" / commit
        is_known = folder is not None and all((folder / name).is_file() for name in ("config.json", _TOKENIZER))
        return HubCopy(folder, commit) if is_known and folder is not None and commit is not None else None

    def model(self, model_id: str, revision: str | None = None) -> HubModel:
        """The model at this commit or, without one, now; of the copy on this machine where the Hub does not answer."""
        found = _asked(model_id, revision, self._seconds)
        return found if found.commit is not None else _copy(model_id, revision)


def of_hub(reference: str, model: HubModel, *, at_creation: bool) -> BaseModelRecord:
    """The record of a base model from the Hub; `at_creation` says that its commit was known then."""
    when = None if model.commit is None else "creation" if at_creation else "launch"
    return BaseModelRecord(reference=reference, revision=model.commit, resolved_at=when, licence=model.licence)


def licence_of_folder(folder: Path) -> str | None:
    """The licence that the card (README.md) of the model in `folder` names; None where it names none. Reads."""
    import yaml  # only here: a list of models waits for none of it

    try:
        content = read_at_most(folder / "README.md", _CARD_BYTES + 1)
        front = _FRONT.match(content.decode())
        if front is None or len(content) > _CARD_BYTES or len(front[1]) > _FRONT_LENGTH:
            return None
        # As text, which is all that a licence is: numbers and dates may take long to read, or be none. Not by libyaml,
        # which ends the process where a card is nested deeply.
        return _licence(yaml.load(front[1], Loader=yaml.BaseLoader))  # noqa: S506 - it makes text, lists and mappings
    except Exception:  # noqa: BLE001 - no card, or one that is no YAML
        return None


def _asked(model_id: str, revision: str | None, seconds: float) -> HubModel:
    try:
        from huggingface_hub import HfApi

        info = HfApi().model_info(model_id, revision=revision, timeout=seconds)
        return HubModel(info.sha, _licence(vars(info.card_data)) if info.card_data is not None else None)
    except Exception:  # noqa: BLE001 - the library raises what its HTTP client does; or nothing trains on this machine
        return HubModel()


def _copy(model_id: str, revision: str | None) -> HubModel:
    commit = revision or _newest_here(model_id)
    if commit is None:
        return HubModel()
    try:
        return HubModel(commit, licence_of_folder(_folder(model_id) / "snapshots" / commit))
    except ImportError:
        return HubModel(commit)


def _newest_here(model_id: str) -> str | None:
    """The commit that the model's main branch had when it was last downloaded to this machine."""
    try:
        return (_folder(model_id) / "refs" / "main").read_text(encoding="utf-8").strip() or None
    except (ImportError, OSError, UnicodeDecodeError):
        return None


def _folder(model_id: str) -> Path:
    """Where the Hub's library keeps its copies of a model; raises `ImportError` without the library."""
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.file_download import repo_folder_name

    return Path(HF_HUB_CACHE) / repo_folder_name(repo_id=model_id, repo_type="model")


def _licence(card: Mapping[str, Any]) -> str | None:
    """The licence of a card; one of the model's own by its name."""
    said = card.get("license")
    names = [name for name in (said if isinstance(said, list) else [said]) if isinstance(name, str) and name.strip()]
    own = card.get("license_name")
    if names == ["other"] and isinstance(own, str) and own.strip():
        names = [own]
    return ", ".join(" ".join(name.split()) for name in names)[:_LICENCE_LENGTH] or None
