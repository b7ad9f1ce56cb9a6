"""Files of an archive as they are gathered, and what could not be: one thing that is gone keeps no other from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from training_pipeline.domain.errors import PipelineError
from training_pipeline.infra.zip_stream import File


@dataclass(frozen=True, slots=True)
class Gathering:
    """What is not in the archive, and why; names are those of files, or of a part of one."""

    missing: list[tuple[str, str]] = field(default_factory=list)

    def file(self, name: str, make: Callable[[], str | bytes]) -> Iterator[File]:
        """The file, unless it cannot be made: then that is noted."""
        try:
            content = make()
        except PipelineError as error:
            self.missing.append((name, error.message))
        else:
            yield name, [content.encode() if isinstance(content, str) else content]

    def note(self, name: str, why: str) -> None:
        """Note that something is gone, or is not what was recorded."""
        self.missing.append((name, why))


def as_json(value: BaseModel | dict[str, Any]) -> str:
    """JSON for people: indented, letters as they are."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"
