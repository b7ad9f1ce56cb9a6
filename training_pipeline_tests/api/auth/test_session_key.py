from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from training_pipeline.api.auth.session_key import KEY_BYTES, session_key


def test_it_is_made_once_and_closed_to_others(tmp_path: Path) -> None:
    key = session_key(tmp_path)
    assert (len(key), session_key(tmp_path)) == (KEY_BYTES, key)
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_all_who_start_at_once_have_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: session_key(tmp_path), range(64)))
    assert len(keys) == len(list(tmp_path.iterdir())) == 1


def test_two_installations_have_two(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    assert session_key(tmp_path / "a") != session_key(tmp_path / "b")
