"""Models that were trained from models of ours are known by their files, up the chain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from training_pipeline.domain.errors import GateRefused
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.lineage import BaseModelRecord, LineageRecord, ModelOrigin, ancestry
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.training_jobs.lifecycle.ancestors import as_known, require_usable, with_ancestors
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import training_jobs


def digest(number: int) -> str:
    return f"{number:064x}"


def folder(number: int, **others: str) -> dict[str, str]:
    """The files of the model with this number."""
    return {"config.json": digest(0), "model.safetensors": digest(number), **others}


def trained(
    store: JobStore,
    number: int,
    base: BaseModelRecord | None,
    *,
    version: str | None = "1",
    is_finished: bool = True,
    **values: Any,
) -> LineageRecord:
    """The record of a job whose model has the number, once it is finished; of its base model what `base` says."""
    reference = base.reference if base is not None else "/models/old"
    name = {"model_name": f"m{number}", "uc_model_name": f"main.ml.m{number}" if version else None}
    given = {"base_model": reference, "uc_model_version": version, "status": JobStatus.SUCCEEDED, **name}
    job = store.create(new_job(**{**given, **values}), message="Created.")
    known = dict.fromkeys(
        (name for name in LineageRecord.model_fields if name not in {"assets", "base_model", "recipe"}), ""
    )
    unknown = {"model_version": None, "model_files": None}
    record = LineageRecord.model_validate({**known, "job_id": job.id, "base_model": base, **unknown})
    lineage.write(store, record)
    if is_finished:
        lineage.set_model(store, job.id, version=version, files=folder(number, **{"README.md": digest(1000 + number)}))
    return lineage.read(store, job.id)


def base_of(store: JobStore, number: int, reference: str = "/models/m") -> BaseModelRecord:
    """The record of a base model with the files of the model with this number, copied without its README."""
    return with_ancestors(store, BaseModelRecord(reference=reference, files=folder(number)), job_id="tj-new")


def test_the_chain_is_followed_to_what_is_none_of_ours(store: JobStore) -> None:
    first = trained(store, 1, with_ancestors(store, BaseModelRecord(reference="builtin:tiny"), job_id="x"))
    second = trained(store, 2, base_of(store, 1), version="7")
    third = trained(store, 3, base_of(store, 2), version=None)
    base = base_of(store, 3)
    assert base.ancestors is not None
    assert [(origin.job_id, origin.model_name, origin.model_version) for origin in base.ancestors] == [
        (third.job_id, "m3", None),
        (second.job_id, "main.ml.m2", "7"),
        (first.job_id, "main.ml.m1", "1"),
    ]
    assert ancestry(base) == (
        f"m3 (artifact) of training job {third.job_id}, "
        f"trained from main.ml.m2 version 7 of training job {second.job_id}, "
        f"trained from main.ml.m1 version 1 of training job {first.job_id}, trained from builtin:tiny"
    )
    stored = trained(store, 4, base)
    assert stored.base_model == base, "the chain is stored as it is"


def test_old_jobs_say_that_it_is_not_recorded(store: JobStore) -> None:
    old = trained(store, 1, None)
    assert ancestry(old.base_model) == "not recorded"
    base = base_of(store, 1)
    assert base.ancestors == (
        ModelOrigin(
            job_id=old.job_id,
            model_name="main.ml.m1",
            model_version="1",
            base_model="/models/old",
            base_recorded=False,
        ),
    )
    assert ancestry(base).endswith("trained from /models/old (not recorded)")


def test_what_is_none_of_ours_and_what_nobody_can_say(store: JobStore) -> None:
    trained(store, 1, None)
    for base in (
        BaseModelRecord(reference="/models/m", files=folder(2)),
        BaseModelRecord(reference="/models/m", files={"config.json": digest(0)}),  # no weights: known by nothing
        BaseModelRecord(reference="owner/model", revision="c0ffee"),
        BaseModelRecord(reference="builtin:tiny"),
    ):
        found = with_ancestors(store, base, job_id="tj-new")
        assert (found.ancestors, ancestry(found)) == ((), "no model of ours")
    for base in (BaseModelRecord(reference="/Volumes/main/ml/m"), BaseModelRecord(reference="owner/offline")):
        assert ancestry(with_ancestors(store, base, job_id="tj-new")) == "not recorded"


def test_all_files_of_weights_must_be_those_of_the_model(store: JobStore) -> None:
    trained(store, 1, None)
    more = BaseModelRecord(reference="/models/m", files=folder(1, **{"model-2.safetensors": digest(5)}))
    assert with_ancestors(store, more, job_id="tj-new").ancestors == ()


def test_of_twins_the_registered_one_counts_and_a_job_is_not_its_own_ancestor(store: JobStore) -> None:
    trained(store, 1, None, version=None)
    registered = trained(store, 1, None, version="4")
    (origin,) = base_of(store, 1).ancestors or ()
    assert origin.job_id == registered.job_id
    alone = trained(store, 2, None)
    itself = with_ancestors(store, BaseModelRecord(reference="/m", files=folder(2)), job_id=alone.job_id)
    assert itself.ancestors == ()


def test_a_model_whose_pairs_lost_their_permission_is_used_for_nothing(store: JobStore) -> None:
    values: dict[str, Any] = {"status": JobStatus.FAILED, "error_details": {"code": "permission_withdrawn"}}
    lost = trained(store, 1, None, version=None, **values)
    with pytest.raises(GateRefused, match=lost.job_id):
        base_of(store, 1)


RUN = "tj-20261123-072145-9f3a2c"


@pytest.mark.parametrize("place", [f"/state/runs/{RUN}-1/model", f"/Volumes/main/ml/{RUN}"])
def test_the_run_folder_of_a_job_without_a_model_on_record_is_no_base_model(store: JobStore, place: str) -> None:
    base = BaseModelRecord(reference=place, files=folder(9))
    elsewhere = BaseModelRecord(reference=place)
    require_usable(store, place)  # it is no job of ours
    trained(store, 1, None, id=RUN, is_finished=False)
    for one in (base, elsewhere):
        with pytest.raises(GateRefused, match=RUN):
            with_ancestors(store, one, job_id="tj-new")
    with pytest.raises(GateRefused, match=RUN):
        require_usable(store, place)
    lineage.set_model(store, RUN, version="1", files=folder(9))
    require_usable(store, place)
    assert [one.job_id for one in with_ancestors(store, base, job_id="tj-new").ancestors or ()] == [RUN]


@pytest.mark.parametrize(("version", "files"), [("1", None), ("1", {}), (None, {})])
def test_a_model_of_an_older_record_is_on_record_also_without_hashes(
    store: JobStore, version: str | None, files: dict[str, str] | None
) -> None:
    trained(store, 1, None, id=RUN, is_finished=False)
    lineage.set_model(store, RUN, version=version, files=files)
    place = f"/state/runs/{RUN}-1/model"
    require_usable(store, place)
    assert with_ancestors(store, BaseModelRecord(reference=place), job_id="tj-new").ancestors is None
    with pytest.raises(GateRefused, match="no hashes are on record"):
        with_ancestors(store, BaseModelRecord(reference=place, files=folder(9)), job_id="tj-new")


def test_a_run_folder_is_refused_before_a_launch_where_no_model_of_it_may_be_used(store: JobStore) -> None:
    for place in (f"/state/runs/{RUN}-1/model", "/state/runs/odd/model"):
        require_usable(store, place)  # it may be of another installation
        with pytest.raises(GateRefused, match="no training job on record made it"):
            require_usable(store, place, runs=Path("/state/runs"))
    trained(store, 1, None, id=RUN)
    require_usable(store, f"/state/runs/{RUN}-1/model", runs=Path("/state/runs"))
    with store.begin() as connection:
        withdrawn = {"error_details": {"code": "permission_withdrawn"}}
        connection.execute(update(training_jobs).where(training_jobs.c.id == RUN).values(withdrawn))
    with pytest.raises(GateRefused, match="pairs that may no longer be trained on"):
        require_usable(store, f"/state/runs/{RUN}-1/model")


def test_what_else_a_job_left_in_its_run_folder_is_no_base_model(store: JobStore) -> None:
    """Such as a checkpoint: nothing would tell later what it learned from."""
    trained(store, 1, None, id=RUN)
    base = BaseModelRecord(reference=f"/state/runs/{RUN}-1/checkpoints/3", files=folder(9))
    with pytest.raises(GateRefused, match=f"{RUN} that is not on record"):
        with_ancestors(store, base, job_id="tj-new")
    assert as_known(store, base, job_id="tj-new").ancestors == (), "what was trained already is recorded"
