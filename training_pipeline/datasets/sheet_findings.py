"""What was found out about a version of a sheet, kept under its digest: counts and ids, never a text.

A version never changes, so what was found holds for as long as the policy and what is withdrawn do.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
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


class SheetFindings:
    """Findings in files of a private directory, each a JSON object."""

    def __init__(self, directory: Path, policy: GatePolicy) -> None:
        self._directory = directory
        self._policy = policy

    def find(
        self,
        model: type[Found],
        digest: str,
        make: Callable[[], Found],
        *,
        withdrawn: Withdrawn = NOTHING,
        told: str = "",
    ) -> Found:
        """What was found out of this kind about this version, or else what `make` finds out now, which is kept.

        `told` is whatever else the finding depends on. A file that cannot be read is made anew.
        """
        schema = json.dumps(model.model_json_schema(), sort_keys=True)
        depends = [schema, *judged_by(self._policy, withdrawn), told]
        key = hashlib.sha256("\n".join(depends).encode()).hexdigest()[:16]
        file = self._directory / f"{digest[:32]}-{key}.json"
        try:
            return model.model_validate_json(file.read_bytes())
        except (OSError, ValidationError):
            pass
        found = make()
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(file, found.model_dump_json().encode())
        keep_newest(self._directory, "*.json", MOST_KEPT)
        return found
