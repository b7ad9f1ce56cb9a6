import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection

from training_pipeline.domain.errors import Unavailable
from training_pipeline.training_jobs.store import hash_keys as module
from training_pipeline.training_jobs.store.hash_keys import HashKeyStore
from training_pipeline.training_jobs.store.jobs import JobStore


@pytest.fixture
def keys(store: JobStore, tmp_path: Path) -> HashKeyStore:
    return HashKeyStore(store, tmp_path / "keys")


def destroy(store: JobStore, keys: HashKeyStore, key_id: str) -> None:
    with store.begin() as connection:
        keys.destroyed(connection, key_id, actor="sam", revocation_id="rv-1")


def test_a_key_is_made_once_and_only_its_owner_may_read_it(keys: HashKeyStore, tmp_path: Path) -> None:
    assert keys.of_sheet("s") is None
    assert not (tmp_path / "keys").exists(), "looking makes none"
    made = keys.made("s")
    assert keys.made("s") == keys.of_sheet("s") == keys.read(made.id) == made
    assert keys.made("other") != made
    (record, _) = sorted(keys.records(), key=lambda one: one.training_sheet_id != "s")
    assert record.path.read_bytes() == made.secret
    assert stat.S_IMODE(record.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(record.path.parent.stat().st_mode) == 0o700
    assert made.secret.hex() not in repr(record)


def test_several_who_make_one_at_once_have_the_same(
    keys: HashKeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(4, timeout=60)
    write = HashKeyStore._write

    def held(self: HashKeyStore, path: Path, secret: bytes) -> None:
        write(self, path, secret)
        together.wait()

    monkeypatch.setattr(HashKeyStore, "_write", held)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(keys.made, ["s"] * 4))
    assert len({one.id for one in found}) == 1
    assert [path.name for path in (tmp_path / "keys").iterdir()] == [found[0].id]


def test_a_crash_between_file_and_row_leaves_a_file_that_nothing_names(
    keys: HashKeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crashes(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "insert", crashes)
        with pytest.raises(KeyboardInterrupt):
            keys.made("s")
    (left,) = (tmp_path / "keys").iterdir()
    assert keys.of_sheet("s") is None
    assert keys.read(left.name) is None
    assert keys.made("s").id != left.name


def test_a_crash_while_writing_leaves_no_key(keys: HashKeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(module, "sync", _no_room)
        with pytest.raises(Unavailable, match="No key of hashes can be written"):
            keys.made("s")
    assert keys.records() == []


def _no_room(_: Path) -> None:
    raise OSError(28, "No space left on device")


def test_a_destroyed_key_is_refused_whatever_its_file_says(store: JobStore, keys: HashKeyStore) -> None:
    first = keys.made("s")
    destroy(store, keys, first.id)
    (record,) = keys.records()
    assert record.path.is_file()
    assert (keys.read(first.id), keys.of_sheet("s"), keys.readable()) == (None, None, [])
    destroy(store, keys, first.id)
    assert keys.records() == [record], "who destroyed it and when stays"
    assert (record.destroyed_by, record.revocation_id) == ("sam", "rv-1")
    keys.remove(record)
    keys.remove(record)
    assert not record.path.exists()
    assert keys.made("s").id != first.id


def test_a_key_that_cannot_be_read_is_not_destroyed(store: JobStore, keys: HashKeyStore, tmp_path: Path) -> None:
    made = keys.made("s")
    (tmp_path / "keys").rename(tmp_path / "away")
    assert (keys.read(made.id), keys.is_destroyed(made.id)) == (None, False)
    destroy(store, keys, made.id)
    assert keys.is_destroyed(made.id)
    assert keys.is_destroyed("hk-0000000000000000")


def test_within_a_transaction_it_is_read_as_the_transaction_has_it(store: JobStore, keys: HashKeyStore) -> None:
    made = keys.made("s")

    def look(connection: Connection) -> None:
        keys.destroyed(connection, made.id, actor="sam", revocation_id="rv-1")
        assert keys.within(connection).read(made.id) is None
        assert keys.read(made.id) == made

    with store.begin() as connection:
        look(connection)
        connection.rollback()
    assert keys.read(made.id) == made


@pytest.mark.parametrize("content", [b"short", None])
def test_a_key_whose_file_is_no_key_is_not_replaced(keys: HashKeyStore, content: bytes | None) -> None:
    keys.made("s")
    (record,) = keys.records()
    record.path.unlink()
    if content is not None:
        record.path.write_bytes(content)
    assert keys.of_sheet("s") is None
    with pytest.raises(Unavailable, match="cannot be read"):
        keys.made("s")
