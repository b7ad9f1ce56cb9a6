"""Passwords for a Lakebase database: tokens by the workspace's OAuth, which are valid for an hour."""

from __future__ import annotations

import json
from typing import Any, Final

from training_pipeline.databricks.workspace import Connection
from training_pipeline.domain.errors import BackendFailed

_GRANT: Final = "Give whom the pipeline runs as CAN USE on the database instance, and a role in the database"


def database_password(connection: Connection, name: str) -> str:
    """A new password as JSON, `password` and `expires_at`: for an instance, or for an endpoint of a project.

    An endpoint is named `projects/…/branches/…/endpoints/…`. Raises what `Connection.calling` does.
    """
    with connection.calling(f"make a password for the database {name}", grant=_GRANT):
        client = connection.client()
        if name.startswith("projects/"):
            made: Any = client.postgres.generate_database_credential(name)
            until = None if made.expire_time is None else made.expire_time.ToJsonString()
        else:
            made = client.database.generate_database_credential(instance_names=[name])
            until = made.expiration_time
    if not made.token or not until:
        raise BackendFailed(f"Databricks made no password for the database {name}: its answer names none.")
    return json.dumps({"password": made.token, "expires_at": until})
