"""The file systems of buckets, by fsspec, with the credentials of this machine. Nothing is read yet."""

from __future__ import annotations

import os
from typing import Any, Final

from training_pipeline.domain.bucket_location import BucketLocation
from training_pipeline.domain.errors import InvalidRequest

#: Scheme: what fsspec calls it, the package that reads it, and the extra that brings it.
_PACKAGES: Final = {
    "s3": ("s3", "s3fs", "s3"),
    "gs": ("gs", "gcsfs", "gcs"),
    "abfss": ("abfs", "adlfs", "azure"),
    "az": ("az", "adlfs", "azure"),
}


def open_filesystem(location: BucketLocation) -> Any:
    """The file system that holds a location; raises `InvalidRequest` where its package is missing.

    Its hosts are the provider's, or what this machine's own settings (AWS_ENDPOINT_URL) say: no redirect leads
    elsewhere. The library for S3 follows none but to another region of AWS, that for Google is told to follow none, and
    Azure's host is the account's own, over TLS.
    """
    import fsspec

    if location.scheme == "file":
        return fsspec.filesystem("file", skip_instance_cache=True)
    protocol, package, extra = _PACKAGES[location.scheme]
    options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
    if location.scheme in {"abfss", "az"}:
        account = location.account or os.environ.get("AZURE_STORAGE_ACCOUNT_NAME")
        if not account:
            hint = "Set AZURE_STORAGE_ACCOUNT_NAME, or name it: abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH."
            raise InvalidRequest(f"{location} does not say in which storage account it is.", hint=hint)
        options |= {"account_name": account, "anon": False}
    if location.scheme == "gs":
        options["session_kwargs"] = {"trace_configs": [no_redirects()]}
    try:
        return fsspec.filesystem(protocol, **options)
    except ImportError:
        raise missing(f"{location.scheme}://", package, extra) from None


def missing(what: str, package: str, extra: str) -> InvalidRequest:
    """The error for an extra that is not installed."""
    hint = f"Install it where training_pipeline runs: pip install 'training_pipeline[{extra}]'."
    return InvalidRequest(f"{what} is read with {package}, which is not installed.", hint=hint)


def no_redirects() -> Any:
    """Hooks of an aiohttp session that raise `PermissionError` where it would follow a redirect."""
    from aiohttp import TraceConfig

    async def refuse(*_: object) -> None:
        raise PermissionError("a redirect is not followed")

    config = TraceConfig()
    config.on_request_redirect.append(refuse)
    return config
