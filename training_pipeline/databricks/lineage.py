"""Lineage in Unity Catalog of something that it does not run: tables → an external metadata object → model version.

NOT ESTABLISHED, and relied on nowhere but here: that a relationship between a table and a model version can be told
through an external metadata object (the SDK says that one end of each must be one), and that making a thing twice is
refused as `ALREADY_EXISTS`. Relationships have an id of our choosing that is the same each time, for where it counts.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from training_pipeline.databricks.workspace import Connection

if TYPE_CHECKING:
    from databricks.sdk.service.catalog import ExternalLineageObject

_NAMESPACE: Final = uuid.UUID("6d1f9b5e-7a55-4f0c-9a3e-0d0f6a1f2c11")
_GRANT: Final = (
    "Grant CREATE EXTERNAL METADATA on the metastore, SELECT on the tables and, where a model version was registered, "
    "EXECUTE on the model"
)


@dataclass(frozen=True, slots=True)
class ExternalLineage:
    """An object with facts about it, the tables it read, and name and number of the model version that it made."""

    name: str
    kind: str
    description: str
    facts: Mapping[str, str]
    tables: tuple[str, ...]
    model_version: tuple[str, str] | None


def write(connection: Connection, lineage: ExternalLineage, *, what: str) -> None:
    """Write the object and its relationships. Idempotent; raises what `Connection.calling` raises."""
    from databricks.sdk import errors
    from databricks.sdk.service.catalog import CreateRequestExternalLineage, ExternalMetadata, SystemType

    client, facts = connection.client, dict(lineage.facts)
    with connection.calling(what, grant=_GRANT):
        with suppress(errors.AlreadyExists):
            client().external_metadata.create_external_metadata(
                ExternalMetadata(
                    lineage.name, SystemType.OTHER, lineage.kind, description=lineage.description, properties=facts
                )
            )
        for source, target in _relationships(lineage):
            with suppress(errors.AlreadyExists):
                client().external_lineage.create_external_lineage_relationship(
                    CreateRequestExternalLineage(
                        source,
                        target,
                        id=str(uuid.uuid5(_NAMESPACE, f"{source.as_dict()} {target.as_dict()}")),
                        properties=facts,
                    )
                )


def _relationships(lineage: ExternalLineage) -> Iterator[tuple[ExternalLineageObject, ExternalLineageObject]]:
    """Source and target of each."""
    from databricks.sdk.service.catalog import (
        ExternalLineageExternalMetadata,
        ExternalLineageModelVersion,
        ExternalLineageObject,
        ExternalLineageTable,
    )

    middle = ExternalLineageObject(external_metadata=ExternalLineageExternalMetadata(lineage.name))
    for table in lineage.tables:
        yield ExternalLineageObject(table=ExternalLineageTable(table)), middle
    if lineage.model_version is not None:
        yield middle, ExternalLineageObject(model_version=ExternalLineageModelVersion(*lineage.model_version))
