"""Upload files to a workspace, and make sure that what lies there is what was sent."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from training_pipeline.databricks.workspace import Connection, Gone, is_about_credentials, said
from training_pipeline.domain.errors import BackendFailed, BackendUnreachable
from training_pipeline.infra.files import sha256

_log = logging.getLogger(__name__)

_CHUNK: Final = 1 << 20
#: Larger files go up in parts, by presigned links where the workspace gives them: a broken part is sent again alone.
#: Smaller ones go in one request through the workspace itself, which needs no way to the cloud's storage.
IN_PARTS_FROM: Final = 50 << 20


class Uploads:
    """Writes to the volume `volume` (as `main.ml.training`) and to workspace folders. Every verb is idempotent."""

    def __init__(self, connection: Connection, volume: str) -> None:
        self._connection = connection
        self._grant = (
            f"Grant READ VOLUME and WRITE VOLUME on {volume}, USE SCHEMA on {volume.rpartition('.')[0]} and USE CATALOG"
            f" on {volume.partition('.')[0]}, or set TRAINING_PIPELINE_DATABRICKS_VOLUME to a volume that exists"
        )

    def to_volume(self, path: Path, remote: str) -> str:
        """Have the file lie at `remote`, and return its digest; sends nothing where it lies there already.

        What was sent is read back, and a large file that did not arrive in parts is sent once more as a whole: a
        workspace may give no links, its storage may be out of reach, and the SDK (0.156) sends an empty part where a
        link expires. Raises `BackendUnreachable` if something else lies there in the end, so that it is sent again.
        """
        digest = sha256(path)
        if self._digest_of(remote) == digest:
            return digest
        if path.stat().st_size >= IN_PARTS_FROM:
            try:
                self._send(path, remote, digest, in_parts=True)
            except BackendUnreachable as error:
                _log.warning("%s is sent whole, as it did not arrive in parts: %s", remote, error.message)
            else:
                return digest
        self._send(path, remote, digest, in_parts=False)
        return digest

    def _send(self, path: Path, remote: str, digest: str, *, in_parts: bool) -> None:
        client = self._connection.client(presigned=in_parts)
        with self._connection.calling(f"upload {remote}", grant=self._grant), path.open("rb") as file:
            try:
                client.files.upload(remote, file, overwrite=True)
            except (RuntimeError, ValueError) as error:
                if not in_parts or (isinstance(error, ValueError) and is_about_credentials(error)):
                    raise
                # The SDK (0.156) raises these bare, once it has given up on the storage behind the links.
                raise BackendUnreachable(
                    f"The workspace's cloud storage does not take {remote} in parts: {said(error)}",
                    hint="This machine must reach that storage, not only the workspace itself.",
                ) from error
        self._require_arrived(remote, digest)

    def _require_arrived(self, remote: str, digest: str) -> None:
        arrived = self._digest_of(remote)
        if arrived != digest:
            raise BackendUnreachable(
                f"{remote} arrived at Databricks as something else: its SHA-256 is {arrived} and should be {digest}.",
                hint="It is sent again automatically.",
            )

    def text_to_volume(self, content: bytes, remote: str) -> str:
        """Have `content`, which is in no file of this machine, lie at `remote`, and return its digest.

        What was sent is read back. Raises `BackendUnreachable` if something else lies there in the end.
        """
        digest = hashlib.sha256(content).hexdigest()
        with self._connection.calling(f"upload {remote}", grant=self._grant):
            self._connection.client().files.upload(remote, io.BytesIO(content), overwrite=True)
        self._require_arrived(remote, digest)
        return digest

    def remove(self, remote: str) -> None:
        """Take a file out of the volume. Idempotent."""
        with suppress(Gone), self._connection.calling(f"remove {remote}", grant=self._grant):
            self._connection.client().files.delete(remote)

    def code(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Write small files to a folder of the workspace, the script last."""
        from databricks.sdk.service.workspace import ImportFormat

        grant = f"Let us manage {folder}, or set TRAINING_PIPELINE_DATABRICKS_WORKSPACE_DIR to a folder of ours"
        with self._connection.calling(f"make the folder {folder}", grant=grant):
            self._connection.client().workspace.mkdirs(folder)
        for name, content in files.items():
            with self._connection.calling(f"upload {folder}/{name}", grant=grant):
                self._connection.client().workspace.upload(
                    f"{folder}/{name}", io.BytesIO(content), format=ImportFormat.AUTO, overwrite=True
                )

    def read(self, remote: str) -> bytes | None:
        """The small file at `remote`; null where there is none."""
        try:
            with (
                self._connection.calling(f"read {remote}", grant=self._grant),
                closing(self._open(remote)) as contents,
            ):
                return contents.read()
        except Gone:
            return None

    def _digest_of(self, remote: str) -> str | None:
        digest = hashlib.sha256()
        try:
            with (
                self._connection.calling(f"read {remote}", grant=self._grant),
                closing(self._open(remote)) as contents,
            ):
                while chunk := contents.read(_CHUNK):
                    digest.update(chunk)
        except Gone:
            return None
        return digest.hexdigest()

    def _open(self, remote: str) -> io.BytesIO:
        contents = self._connection.client().files.download(remote).contents
        if contents is None:
            raise BackendFailed(f"Databricks sent no content for {remote}.")
        return contents  # type: ignore[return-value]
