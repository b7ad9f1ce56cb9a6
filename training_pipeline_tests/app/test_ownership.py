from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select

from training_pipeline.app.ownership import NAME, installation, require_own
from training_pipeline.domain.errors import Conflict
from training_pipeline.infra.database import Database
from training_pipeline.infra.state_directory import ensure_state_directory
from training_pipeline.settings import Settings


def another(settings: Settings, name: str = "other", **changes: object) -> Settings:
    """An installation with a state directory of its own, on the same database."""
    found = settings.model_copy(update={"state_dir": settings.state_dir.with_name(name), **changes})
    ensure_state_directory(found)
    return found


def owner(database: Database) -> tuple[str, str]:
    with database.engine(pooled=False).connect() as connection:
        row = connection.execute(select(installation)).mappings().one()
    return row["id"], row["state_dir"]


@pytest.fixture
def owning(settings: Settings, database: Database) -> Settings:
    ensure_state_directory(settings)
    require_own(settings, database)
    return settings


def test_the_first_installation_owns_the_database_and_a_second_is_told_whose_it_is(
    owning: Settings, database: Database
) -> None:
    require_own(owning, database)
    second = another(owning)
    with pytest.raises(Conflict) as caught:
        require_own(second, database)
    assert f"belongs to another installation, {owning.state_dir} on " in caught.value.message
    assert "SHARED_STORAGE=true" in caught.value.hint
    assert owner(database)[1] == str(owning.state_dir)


def test_of_many_that_start_at_once_one_owns_it(settings: Settings, database: Database) -> None:
    all_of_them = [another(settings, f"state-{number % 2}") for number in range(8)]

    def let_in(one: Settings) -> bool:
        try:
            require_own(one, database)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(let_in, all_of_them))
    assert sorted(done) == [False] * 4 + [True] * 4
    assert done[0] != done[1]


def test_a_state_directory_that_was_moved_still_owns_it(owning: Settings, database: Database) -> None:
    moved = owning.model_copy(update={"state_dir": owning.state_dir.with_name("moved")})
    owning.state_dir.rename(moved.state_dir)
    require_own(moved, database)
    assert owner(database)[1] == str(moved.state_dir)


def test_who_shares_the_storage_may_join_and_nobody_who_only_says_so(owning: Settings, database: Database) -> None:
    second = another(owning, shared_storage=True)
    with pytest.raises(Conflict, match=r"not that installation's directories: .*datasets.*snapshots.*runs"):
        require_own(second, database)
    for name in ("datasets", "snapshots", "runs"):
        (second.state_dir / name).rmdir()
        (second.state_dir / name).symlink_to(owning.state_dir / name)
    require_own(second, database)
    assert owner(database)[1] == str(owning.state_dir)


def test_the_place_of_one_that_is_gone_is_taken_as_the_hint_says(owning: Settings, database: Database) -> None:
    second = another(owning)
    with pytest.raises(Conflict) as caught:
        require_own(second, database)
    _, _, command = caught.value.hint.partition("take its place: echo ")
    taken, _, place = command.partition(" > ")
    Path(place).write_text(f"{taken}\n")
    require_own(second, database)
    assert owner(database) == ((owning.state_dir / NAME).read_text().strip(), str(second.state_dir))


def test_a_backend_elsewhere_owns_nothing_and_is_let_pass(owning: Settings, database: Database) -> None:
    require_own(another(owning, backend="databricks"), database)
    assert owner(database)[1] == str(owning.state_dir)
