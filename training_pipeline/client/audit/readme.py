"""The README of an archive: what it is, what each file is, how it is checked, and what is not in it."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version
from typing import Final

from training_pipeline.client.audit import job_files, model_files

_README: Final = """\
# Audit of {subject}

Made {made_at:%Y-%m-%d %H:%M:%S} UTC by {made_by} with training_pipeline {version}.

It holds what is on record, and no text of a question or an answer: pairs stand here by their ids and hashes. Times are
ISO 8601 with their offset; hashes are SHA-256 in hexadecimal. JSON and CSV are UTF-8. Parquet is read by DuckDB, pandas
and most other tools.

## Check it

`SHA256SUMS` names the hash of every other file. In the folder to which the archive was unpacked:

    sha256sum -c SHA256SUMS

## What is in it

| file | what it is |
| --- | --- |
{files}

## What is not in it

{missing}
"""


def readme(
    subject: str, *, model: bool, ancestors: int, missing: list[tuple[str, str]], made_at: datetime, made_by: str
) -> str:
    """The text, in Markdown, with the version of this program."""
    rows = [(f"`job/{name}`", what) for name, what in job_files.FILES.items()]
    if model:
        rows += [(f"`{model_files.FOLDER}/{name}`", what) for name, what in model_files.FILES.items()]
    if ancestors:
        rows += [("`ancestors/*/`", "the same of each of our jobs that trained what the base model comes from")]
    gone = "\n".join(f"* `{name}`: {' '.join(why.split())}" for name, why in missing)
    return _README.format(
        subject=subject,
        made_at=made_at,
        made_by=made_by,
        version=version("training_pipeline"),
        files="\n".join(f"| {name} | {what} |" for name, what in rows),
        missing=gone or "Nothing is missing.",
    )
