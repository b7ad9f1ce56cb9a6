"""What must be well before anybody pays for GPUs: the libraries that upload a model, the registry, and the grant.

The same calls as at the end, made at the beginning. Nothing proves that a model may be made but making it, so an empty
one is made, and taken away again where the training fails.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
import time
from collections.abc import Callable, Collection
from typing import Any, Final

from ..errors import TrainingFailed

#: What the MLflow client imports to upload to the storage of Unity Catalog, by the end of a workspace's host name.
CLOUD_LIBRARIES: Final = {
    "azure": ("azure.storage.filedatalake", "azure.core"),
    "gcp": ("google.cloud.storage", "google.oauth2"),
    "aws": ("boto3", "botocore"),
}
_HOSTS: Final = (("azure", r"azuredatabricks\.(net|us)|databricks\.azure\.(cn|us)"), ("gcp", r"gcp\.databricks\.com"))
#: Seconds that the workspace may be out of reach. Its own client would wait for a quarter of an hour, at a GPU's price.
PATIENCE: Final = 60.0
#: What lets somebody who does not own a model add a version to it.
_ADDS_VERSIONS: Final = frozenset({"CREATE_MODEL_VERSION", "ALL_PRIVILEGES"})
#: What the registry says of a model that is not there, and of one that is.
_ABSENT: Final = frozenset({"RESOURCE_DOES_NOT_EXIST"})
_THERE: Final = frozenset({"RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"})
_SOMEBODY: Final = re.compile(r".+@.+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def cloud_of(host: str) -> str:
    """The cloud of the workspace at `host`: aws, azure or gcp; aws where the name does not tell."""
    name = re.sub(r"^https?://|[:/].*$", "", host.strip())
    return next((cloud for cloud, ends in _HOSTS if re.search(rf"(^|\.)({ends})$", name)), "aws")


def missing_libraries(cloud: str, load: Callable[[str], object] = importlib.import_module) -> list[str]:
    """The libraries that an upload to the cloud's storage needs and that cannot be imported. Imports them."""
    missing = []
    for library in CLOUD_LIBRARIES[cloud]:
        try:
            load(library)
        except ImportError:
            missing.append(library)
    return missing


def require_registry(name: str) -> bool:
    """Make sure that a version of the model `name` can be registered; whether the model was made for that.

    Raises `TrainingFailed` in one sentence that says what is missing and who can mend it.
    """
    from mlflow import MlflowClient

    _require_reachable(os.environ.get("DATABRICKS_HOST", ""))
    client = MlflowClient("databricks", "databricks-uc")
    catalog, schema, _ = name.split(".")
    grant = f"grant CREATE MODEL and USE SCHEMA on {catalog}.{schema} and USE CATALOG on {catalog}"
    look = f"look at the model {name}"
    made = False
    if _done(client.get_registered_model, name, look, f"grant EXECUTE on {name}, or {grant}", but=_ABSENT):
        _require_versions(name)
    else:  # unless somebody else makes it in this moment
        made = _done(client.create_registered_model, name, f"make the model {name}", grant, but=_THERE)
    _require_libraries()
    return made


def release(name: str) -> None:
    """Take the model away again, where it still has no version; what keeps us from it is told on stderr."""
    from mlflow import MlflowClient

    try:
        client = MlflowClient("databricks", "databricks-uc")
        if not client.search_model_versions(f"name = '{name}'"):
            client.delete_registered_model(name)
    except Exception as error:  # noqa: BLE001  # an empty model is left behind; the cause of the failure matters more
        sys.stderr.write(f"The model {name}, which has no version, is left behind: {_kind(error)}\n")


def _require_reachable(host: str) -> None:
    """Wait until the workspace answers anything at all, where its host is known; raise where it takes too long."""
    import requests

    until = time.monotonic() + PATIENCE
    address = host if "://" in host else f"https://{host}"
    while host:
        try:
            requests.get(f"{address.rstrip('/')}/.well-known/databricks-config", timeout=10, allow_redirects=False)
            return
        except requests.RequestException as error:
            if time.monotonic() > until:
                message = f"The worker cannot reach {address}, so it could not register its model ({_kind(error)}): "
                remedy = "let workers reach the workspace, then try again."
                raise TrainingFailed("registry_refused", message + remedy, recurs=False) from error
            time.sleep(min(2.0, PATIENCE))


def _kind(error: Exception) -> str:
    return type(error).__name__


def _done(call: Callable[[str], object], name: str, what: str, grant: str, *, but: Collection[str]) -> bool:
    """Whether the registry did it; false where it says one of `but`, and whatever else it says is raised."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException

    try:
        call(name)
    except MlflowException as error:
        if error.error_code in but:
            return False
        raise _refused(what, error, grant) from error
    except (RequestException, TimeoutError) as error:
        message = f"Unity Catalog does not answer, so we cannot {what} ({_kind(error)})."
        raise TrainingFailed("registry_refused", message, recurs=False) from error
    return True


def _require_libraries() -> None:
    from mlflow.utils._unity_catalog_utils import is_databricks_sdk_models_artifact_repository_enabled
    from mlflow.utils.databricks_utils import get_databricks_host_creds

    credentials = get_databricks_host_creds("databricks-uc")  # type: ignore[no-untyped-call]
    cloud = cloud_of(credentials.host)
    missing = missing_libraries(cloud)
    by_sdk = is_databricks_sdk_models_artifact_repository_enabled
    if missing and not by_sdk(credentials):  # type: ignore[no-untyped-call]
        raise TrainingFailed(
            "registry_upload_impossible",
            f"This worker could not upload its model to Unity Catalog on {cloud}, as it lacks {', '.join(missing)}: "
            "put `mlflow-skinny[databricks]` into the image that TRAINING_PIPELINE_DATABRICKS_IMAGE names.",
        )


def _require_versions(name: str) -> None:
    """Raise where it is certain that we may add no version to a model that exists; say it where it is not certain."""
    try:
        owner = _asked(f"/api/2.1/unity-catalog/models/{name}").get("owner")
        me = _asked("/api/2.0/preview/scim/v2/Me")
        found = _asked(f"/api/2.1/unity-catalog/effective-permissions/function/{name}").get("privilege_assignments")
    except Exception as error:  # noqa: BLE001  # who may not see grants may still have them
        sys.stderr.write(f"Who may add versions to {name} cannot be seen ({_kind(error)}).\n")
        return
    names = {me.get("userName"), *(group.get("display") for group in me.get("groups") or [])}
    holders = {owner} if owner else set()
    for each in found or []:
        granted = {str(item.get("privilege")).replace(" ", "_") for item in each.get("privileges") or []}
        holders |= {each.get("principal")} if granted & _ADDS_VERSIONS else set()
    if may_add(names, holders) is False:
        raise TrainingFailed(
            "registry_refused",
            f"{me.get('userName')} may not add a version to the model {name}: grant CREATE MODEL VERSION on it, or let "
            "it belong to whom the pipeline runs as.",
        )


def may_add(names: Collection[str | None], holders: Collection[str | None]) -> bool | None:
    """Whether somebody with these names is among the holders of a privilege; null where it is not certain.

    A group may hold another one, so only where all holders are persons or service principals is it certain that not.
    """
    if {name for name in names if name} & {holder for holder in holders if holder}:
        return True
    return False if all(_SOMEBODY.fullmatch(holder or "") for holder in holders) else None


def _asked(path: str) -> dict[str, Any]:
    from mlflow.utils.databricks_utils import get_databricks_host_creds
    from mlflow.utils.rest_utils import http_request

    credentials = get_databricks_host_creds("databricks-uc")  # type: ignore[no-untyped-call]
    answer = http_request(credentials, path, "GET", max_retries=2, timeout=20)  # type: ignore[no-untyped-call]
    answer.raise_for_status()
    told: dict[str, Any] = answer.json()
    return told


def _refused(what: str, error: Any, grant: str) -> TrainingFailed:
    """The one sentence for what the registry said."""
    code = error.error_code
    said = (str(error).splitlines() or [""])[0].partition(" Config: ")[0][:200]  # the SDK goes on about its settings
    if code == "UNAUTHENTICATED":
        message = f"Unity Catalog does not accept the token of this run, so we cannot {what} ({said}): try again."
        return TrainingFailed("registry_refused", message, recurs=False)
    if code in {"PERMISSION_DENIED", "FORBIDDEN"}:
        return TrainingFailed("registry_refused", f"We may not {what} ({said}): {grant}.")
    if code == "RESOURCE_DOES_NOT_EXIST":
        return TrainingFailed(
            "registry_refused", f"We cannot {what}, as there is no place for it ({said}): create it, or {grant}."
        )
    return TrainingFailed("registry_refused", f"Unity Catalog does not let us {what} ({code}): {said}", recurs=False)
