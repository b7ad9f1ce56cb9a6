"""What the importer asks for by the options of a command, as fields of a request."""

from __future__ import annotations

import re
from typing import Final

from training_pipeline.domain.errors import FieldProblem

_NAMES: Final = {
    "--source-name": "source",
    "--template-name": "template",
    "--format": "mapping/format",
    "--ignore": "mapping/ignore",
    "--choose": "mapping/choose",
    "--worksheet": "mapping/worksheet",
    "--delimiter": "mapping/delimiter",
    "--map-value": "mapping/values",
    "--mapping": "mapping",
    "--classification-column": "mapping/columns/data_classification",
    "--item-column": "mapping/columns/item_ref",
    "--label-column": "mapping/columns/canonical_label_id",
    "FILE": "file",
}
_OPTION: Final = re.compile(r"--[a-z][a-z-]*")
#: An option with an example of a value: `--status labeled`, `--map-value status:submitted=labeled`.
_WITH_VALUE: Final = re.compile(r"(--(?:status|prohibit|classification|sheet-status)) ([a-z]+)\b")
#: An advice that only somebody at the server's command line can follow; it names a path.
_COMMAND: Final = re.compile(r" ?`training-pipeline [^`]*` lists every problem\.")


def as_field(problem: FieldProblem) -> FieldProblem:
    """The problem with a JSON pointer, and with names of fields in its message."""
    pointer = problem.pointer
    if pointer in _NAMES or _OPTION.fullmatch(pointer):
        pointer = "/" + _name(pointer)
    return FieldProblem(pointer, problem.code, in_words(problem.message))


def in_words(text: str) -> str:
    """A sentence that names fields where it named options."""
    text = _COMMAND.sub("", text)
    text = text.replace("--allow training --allow validation", 'allow ["training", "validation"]')
    text = text.replace(" (--question-column may be repeated)", "")
    text = _WITH_VALUE.sub(lambda found: f'{_name(found[1])} "{found[2]}"', text)
    return _OPTION.sub(lambda found: _name(found[0]).replace("/", "."), text)


def _name(option: str) -> str:
    if (known := _NAMES.get(option)) is not None:
        return known
    name = option.removeprefix("--").replace("-", "_")
    return f"mapping/columns/{name.removesuffix('_column')}" if name.endswith("_column") else name
