"""Write docs/settings.md, configuration.md, rest.md, and the reference of docs/cli.md. `--check` only compares.

python scripts/write_reference.py [--check]
"""

from __future__ import annotations

import json
import sys
from inspect import cleandoc
from pathlib import Path
from typing import Any

import cli_reference
import rest_reference
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from training_pipeline.client.config import RemoteSettings
from training_pipeline.domain.training_config import JobRequest, TrainingConfig
from training_pipeline.settings import subjects
from training_pipeline.settings.prefix import PREFIX

DOCS = Path(__file__).parent.parent / "docs"
#: What follows it in docs/cli.md is written by this script.
CLI_MARK = "## Every command\n\n"

SETTINGS = """\
# Settings

Each is an environment variable, or a line in the file `.env` of the working directory. `training-pipeline env` prints
the ones in force as `export` lines. This page is written by `python scripts/write_reference.py`.

"""

REMOTE = """
## For commands on a remote service

The commands on jobs work on another machine's service where these name one. They are settings of whoever types, not of
the installation.

"""

CONFIGURATION = """\
# The configuration of a training job

The fields of a request, and the keys of its `training_config`. Bounds are checked all at once when the job is created;
an unknown key is an error that names the known ones. Every "auto" is replaced by the value that is used, and stored
with the job. On the command line the fields are options of `training-pipeline jobs create`, and any key of
`training_config` can be given as `--config key=value`. This page is written by `python scripts/write_reference.py`.

"""


def default(field: FieldInfo, name: str) -> str:
    """The default, for people."""
    if name == "state_dir":
        return "`.training_pipeline/` in the clone; `/var/lib/training_pipeline` for root"
    if field.default is PydanticUndefined or isinstance(field.default, BaseModel):
        return "required" if field.is_required() else ""
    return "" if field.default is None else f"`{field.default}`"


def bounds(schema: dict[str, Any]) -> str:
    """Least, most and choices, from the field's JSON schema."""
    parts = []
    for branch in schema.get("anyOf", [schema]):
        least = branch.get("minimum", branch.get("exclusiveMinimum"))
        most = branch.get("maximum", branch.get("exclusiveMaximum"))
        if most is not None:
            over = "over " if "exclusiveMinimum" in branch else ""
            parts.append(f"{over}{least} to {most}")
        elif least is not None:
            parts.append(f"{'over' if 'exclusiveMinimum' in branch else 'at least'} {least}")
        if "enum" in branch:
            parts.append(" or ".join(f"`{choice}`" for choice in branch["enum"]))
        if "const" in branch:
            parts.append(f"`{branch['const']}`")
        if "pattern" in branch:
            parts.append(f"`{branch['pattern']}`")
    return ", or ".join(parts)


def table(model: type[BaseModel], *, prefix: str = "", left_out: tuple[str, ...] = ()) -> str:
    """A Markdown table of the model's fields."""
    properties = model.model_json_schema()["properties"]
    lines = ["| name | default | values | meaning |", "| --- | --- | --- | --- |"]
    for name, field in model.model_fields.items():
        if name in left_out:
            continue
        shown = f"{prefix}{name.upper()}" if prefix else name
        cells = [f"`{shown}`", default(field, name), bounds(properties[name]), field.description or ""]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def settings() -> str:
    """A heading and a table for each subject of the settings."""
    return "\n".join(
        f"## {cleandoc(one.__doc__ or '').rstrip('.')}\n\n{table(one, prefix=PREFIX)}" for one in subjects()
    )


def cli_head() -> str:
    """docs/cli.md down to its mark: what people wrote."""
    text = (DOCS / "cli.md").read_text()
    return text[: text.index(CLI_MARK)] + CLI_MARK


def pages() -> dict[Path, str]:
    """Every page that this script writes."""
    request = "## The request\n\n" + table(JobRequest, left_out=("training_config",))
    config = "\n## training_config\n\n" + table(TrainingConfig)
    return {
        DOCS / "settings.md": SETTINGS + settings() + REMOTE + table(RemoteSettings, prefix=PREFIX),
        DOCS / "cli.md": cli_head() + cli_reference.reference(),
        DOCS / "configuration.md": CONFIGURATION + request + config,
        DOCS / "rest.md": rest_reference.reference(json.loads((DOCS / "openapi.json").read_text(encoding="utf-8"))),
    }


def main() -> None:
    if "--check" in sys.argv:
        stale = [str(path) for path, text in pages().items() if not path.exists() or path.read_text() != text]
        sys.exit(f"out of date: {', '.join(stale)}; run python scripts/write_reference.py" if stale else 0)
    for path, text in pages().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
