from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.job import JobStatus
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.urls import Urls
from training_pipeline.web import urls
from training_pipeline.web.form.draft import ANY_NAME, REQUEST, Draft
from training_pipeline.web.form.fields import config_fields

NAMES = [*REQUEST, *(field.name for field in config_fields())]
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def retried(**config: object) -> TrainingJob:
    job = new_job(status=JobStatus.FAILED, requested_config=config)
    return TrainingJob.of(job, Caller("ada", Role.ADMIN), Urls.of(Settings()))


@given(st.dictionaries(st.sampled_from(NAMES), WORDS), WORDS)
def test_an_address_holds_everything_that_is_typed(values: dict[str, str], sheet: str) -> None:
    draft = Draft(sheet=sheet, values=values, key="k1")
    query = dict(parse_qsl(urlsplit(draft.address()).query, keep_blank_values=True))
    assert Draft.parse(query, None) == draft


def test_what_is_left_empty_is_left_to_the_service() -> None:
    draft = Draft(
        sheet="s",
        values={
            "epochs": "3",
            "batch_size": "",
            "train_val_split": "0.7",
            "register_to_uc": "no",
            "fresh_split": "yes",
        },
    )
    request = {"training_sheet_id": "s", "train_val_split": 0.7, "fresh_split": True, "register_to_uc": False}
    assert draft.request() == {**request, "training_config": {"epochs": 3}}
    named = draft.with_("model_name", "x y").with_("epochs", "many")
    assert named.request()["training_config"] == {"epochs": "many"}
    assert named.request(without={"model_name", "epochs"}) == {**request, "model_name": ANY_NAME, "training_config": {}}


def test_a_retry_changes_only_what_differs() -> None:
    draft = Draft.parse({"retry": "tj-1", "sheet": "another"}, retried(epochs=3, learning_rate=5e-5, method="auto"))
    assert (draft.sheet, draft.values["epochs"], draft.values["learning_rate"]) == ("sheet-123", "3", "5e-05")
    assert draft.changes() == {}
    assert draft.with_("epochs", "4").with_("seed", "7").changes() == {"epochs": 4, "seed": 7}
    assert draft.with_("epochs", "").changes() == {"epochs": "auto"}
    assert draft.with_("epochs", "many").changes(without={"epochs"}) == {}


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "epochs": st.integers(1, 50) | st.just("auto"),
            "learning_rate": st.floats(1e-7, 1e-1),
            "timeout_minutes": st.floats(1, 43200) | st.just(1e6),
            "allow_never_stops": st.booleans(),
            "method": st.sampled_from(["auto", "full", "lora"]),
        },
    ),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0.8, 0.7, 0.70000001]),
    st.fixed_dictionaries({}, optional={"split_seed": st.just("2026-11"), "split_predecessor": st.just("tj-0")}),
)
def test_a_duplicate_asks_for_what_its_job_asked_for(
    config: dict[str, object], register: bool, fresh: bool, split: float, which: dict[str, object]
) -> None:
    catalog: dict[str, object] = {"uc_catalog": "ml", "uc_schema": "models"} if register else {}
    values = {"fresh_split": fresh, "register_to_uc": register, "train_val_split": split, **catalog, **which}
    job = TrainingJob.of(new_job(requested_config=config, **values), Caller("ada", Role.ADMIN), Urls.of(Settings()))
    query = dict(parse_qsl(urlsplit(urls.job_like(job, {})).query))
    asked: dict[str, object] = {"model_name": "triage", "base_model": "builtin:tiny", **catalog, **which}
    asked |= {"training_sheet_id": "sheet-123"} | ({"fresh_split": True} if fresh else {})
    asked |= {} if register else {"register_to_uc": False}
    asked |= {} if split == 0.8 else {"train_val_split": split}
    assert Draft.parse(query, None).request() == {**asked, "training_config": config}


@given(learning_rate=st.floats(1e-7, 1e-1), stops=st.booleans())
def test_a_retry_without_a_change_changes_nothing(learning_rate: float, stops: bool) -> None:
    asked = {"learning_rate": learning_rate, "allow_never_stops": stops, "accelerator": None, "accelerator_count": None}
    draft = Draft.parse({"retry": "tj-1"}, retried(**asked))
    assert (draft.changes(), "accelerator" in draft.values) == ({}, False)
    assert Draft.parse(dict(parse_qsl(urlsplit(draft.address()).query)), draft.retried).changes() == {}
    assert draft.with_("accelerator_count", "2").changes() == {"accelerator_count": 2}


def test_each_form_has_a_name_of_its_own_that_a_reload_keeps() -> None:
    first, second = Draft.parse({}, None), Draft.parse({}, None)
    assert first.key != second.key
    assert Draft.parse({"draft": first.key}, None).key == first.key


def test_tags_are_written_with_commas() -> None:
    draft = Draft.parse({"sheet": "small", "model_name": "m", "tags": " a, k:v w ,,a"}, None)
    assert draft.request()["tags"] == ["a", "k:v w", "a"]
    assert "tags" not in draft.with_("tags", "").request()
