"""Where versions are in use is what the aliases and endpoints say that are not over."""

from __future__ import annotations

from sqlalchemy import text

from training_pipeline.domain.uses import InUse
from training_pipeline.models.uses.in_use import in_use
from training_pipeline.training_jobs.store.jobs import JobStore

AT = "https://models.example.org"


def test_what_is_over_or_belongs_to_others_is_not_named(store: JobStore) -> None:
    with store.begin() as connection:
        assert in_use(connection, []) == {}
        for alias, version, until in (("champion", "1", None), ("next", "2", None), ("old", "1", "now()")):
            connection.execute(
                text(f"INSERT INTO model_aliases VALUES (DEFAULT, 'm', :version, :alias, now(), {until or 'NULL'})"),
                {"alias": alias, "version": version},
            )
        for name, version, url, until in (
            ("m", "1", f"{AT}/b", None),
            ("m", "1", f"{AT}/a", None),
            ("m", "1", f"{AT}/gone", "now()"),
            ("other", "1", f"{AT}/other", None),
        ):
            connection.execute(
                text(
                    "INSERT INTO model_endpoints (model_name, model_version, url, since, until)"
                    f" VALUES (:name, :version, :url, now(), {until or 'NULL'})"
                ),
                {"name": name, "version": version, "url": url},
            )
        found = in_use(connection, [("m", "1"), ("m", "2"), ("m", "3"), ("m", None), ("m", "1")])
    assert found == {
        ("m", "1"): InUse(aliases=("champion",), endpoints=(f"{AT}/a", f"{AT}/b")),
        ("m", "2"): InUse(aliases=("next",)),
    }
