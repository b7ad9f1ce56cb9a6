"""`python -m training_pipeline.uploads.remote.catalog OUTCOME` asks an Iceberg catalog where a table's metadata lies.

It holds the credentials of the catalog, and reads no row.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.bucket_location import CATALOG, BucketLocation
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.uploads.limits import UploadLimits
from training_pipeline.uploads.process import Failure, answer_task
from training_pipeline.uploads.remote.copying import refused
from training_pipeline.uploads.remote.filesystems import missing

PROGRAM: Final = "training_pipeline.uploads.remote.catalog"


class CatalogTask(BaseModel):
    """A table by the name that a catalog has for it."""

    model_config = ConfigDict(frozen=True)

    catalog: str
    table: str
    limits: UploadLimits


class InCatalog(BaseModel):
    """The location of the metadata file that is the table now, as the catalog names it."""

    model_config = ConfigDict(frozen=True)

    metadata: str = ""
    failure: Failure | None = None


def metadata_of(task: CatalogTask) -> str:
    """Ask the catalog, which pyiceberg's own settings describe; raises `InvalidRequest` for what it does not have."""
    try:
        from pyiceberg.catalog import load_catalog
        from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError
        from pyiceberg.utils.config import Config
    except ImportError:
        raise missing("An Iceberg catalog", "pyiceberg", "iceberg") from None
    location = BucketLocation(CATALOG, task.catalog, task.table)
    if Config().get_catalog_config(task.catalog) is None:
        how = f"`catalog: {task.catalog}:` in ~/.pyiceberg.yaml, or PYICEBERG_CATALOG__{task.catalog.upper()}__URI"
        raise refused(location, "no_catalog", f"no catalog of this name is described to pyiceberg; it wants {how}")
    try:
        catalog = load_catalog(task.catalog)
        _reads_by_its_own_settings(catalog)
        return str(catalog.load_table(task.table).metadata_location)
    except (NoSuchTableError, NoSuchNamespaceError):
        raise refused(location, "not_found", "the catalog has no such table") from None
    except Exception as error:
        # Its message may hold an address with a password in it.
        raise InvalidRequest(
            f"The catalog {task.catalog} cannot be asked: {type(error).__name__}.",
            hint="Try `pyiceberg list` with the same settings on the machine of the service.",
        ) from error


def _reads_by_its_own_settings(catalog: Any) -> None:
    """A table's own properties may name a class to read it with: they count for nothing here."""
    from pyiceberg.io import load_file_io

    def load(_: object = None, location: str | None = None) -> Any:
        return load_file_io(catalog.properties, location)

    catalog._load_file_io = load


def main(arguments: list[str]) -> int:
    """Read the task, do it, and write its outcome."""
    return answer_task(
        arguments,
        CatalogTask,
        lambda task: InCatalog(metadata=metadata_of(task)),
        lambda failure: InCatalog(failure=failure),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
