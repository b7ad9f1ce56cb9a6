"""What was found out about a version of a sheet, kept under its digest: counts and ids, never a text.

A version never changes, so what was found holds for as long as the policy and what is withdrawn do.
"""

from __future__ import annotations

import hashlib
import json
import logging
from functools import cache
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from training_pipeline.datasets.kept_files import judged_by, keep_newest
from training_pipeline.domain.revocations import NOTHING, Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.infra.files import replace_file

Found = TypeVar("Found", bound=BaseModel)

#: Findings that are kept; those that were written first go.
MOST_KEPT: Final = 200
_log = logging.getLogger(__name__)


class SheetFindings:
    """Findings in files of a private directory, each a JSON object."""

    def __init__(self, directory: Path, policy: GatePolicy) -> None:
        self._directory = directory
        self._policy = policy

    def known(self, model: type[Found], digest: str, *, withdrawn: Withdrawn = NOTHING, told: str = "") -> Found | None:
        """What was found out of this kind about this version; None where nothing was, or it cannot be read. Reads.

        `told` is whatever else the finding depends on.
        """
        try:
            return model.model_validate_json(self._file(model, digest, withdrawn, told).read_bytes())
        except (OSError, ValidationError):
            return None

    def keep(self, found: BaseModel, digest: str, *, withdrawn: Withdrawn = NOTHING, told: str = "") -> None:
        """Keep what was found out about this version: not before it is closed, for the sheet may change until then.

        Writes. Where it cannot, that is logged: it is found out once more, then.
        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_file(self._file(type(found), digest, withdrawn, told), found.model_dump_json().encode())
            keep_newest(self._directory, "*.json", MOST_KEPT)
        except OSError as error:
            _log.warning("what was found out about a training sheet could not be kept: %s", error.strerror)

    def _file(self, model: type[BaseModel], digest: str, withdrawn: Withdrawn, told: str) -> Path:
        depends = [_schema(model), *judged_by(self._policy, withdrawn), told]
        key = hashlib.sha256("\n".join(depends).encode()).hexdigest()[:16]
        return self._directory / f"{digest[:32]}-{key}.json"


@cache
def _schema(model: type[BaseModel]) -> str:
    return json.dumps(model.model_json_schema(), sort_keys=True)
