"""A file that a command is given: of this machine, or fetched from a bucket for as long as it is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training_pipeline.app.limits import imports_of
from training_pipeline.cli.user import user
from training_pipeline.domain.bucket_location import is_url
from training_pipeline.domain.errors import FieldProblem, InvalidRequest, SheetUnreadable
from training_pipeline.settings import Settings
from training_pipeline.sheets.importing.importer import Guard
from training_pipeline.sheets.importing.request import ImportRequest
from training_pipeline.uploads.bounds import too_large_unpacked
from training_pipeline.uploads.look import guard_of
from training_pipeline.uploads.remote.fetching import place_of


@contextmanager
def request_for(
    file: str, request: ImportRequest, settings: Settings, *, version: str | None = None
) -> Iterator[tuple[ImportRequest, Guard | None]]:
    """The request to import what is at `file`, and what keeps it within limits; what was fetched is gone afterwards.

    A URL is fetched where the settings allow it, and a folder with a Delta or Iceberg table is read as one file. Raises
    what `Fetching.fetch_here` does.
    """
    url = file if is_url(file) else place_of(Path(file))
    if url is None:
        if version is not None:
            problem = FieldProblem("--table-version", "no_table", f"{file} is no table")
            raise InvalidRequest("The file cannot be imported.", problems=[problem])
        yield request.model_copy(update={"file": Path(file)}), None
        return
    imports = imports_of(settings)
    limits = imports.uploads.limits
    upload = imports.fetching.fetch_here(user(), url, version=version)
    try:
        if (why := too_large_unpacked(upload.file, limits)) is not None:
            raise InvalidRequest("The file cannot be imported.", problems=[FieldProblem("FILE", "too_large", why)])
        origin = upload.origin
        stated = request.of_version("" if origin is None else origin.version)
        metadata = {} if origin is None else origin.metadata()
        yield stated.model_copy(update={"file": upload.file, "metadata": metadata}), guard_of(limits)
    except SheetUnreadable as error:  # its hint is to look at a file that is gone
        raise SheetUnreadable(error.message, hint="Nothing was written.", problems=error.problems) from None
    finally:
        imports.uploads.delete(upload)
