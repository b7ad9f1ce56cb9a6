from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.search import SearchSpace
from training_pipeline.domain.study import StudyRequest
from training_pipeline.schemas.study_requests import CreateStudy
from training_pipeline.web.form.draft import ANY_NAME
from training_pipeline.web.form.fields import config_fields, request_fields, study_fields
from training_pipeline.web.studies.draft import StudyDraft, address_like, field_of, kind_of, parameters, place

NAMES = ["name", "most_trials", "sampler", "pruner", "startup_trials", "model_name", "epochs"]
NAMES += [place("epochs"), place("epochs", "low"), place("method", "choices")]
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
NUMBERS = st.floats(1e-6, 0.09)
FLOATS = st.one_of(
    st.fixed_dictionaries({"low": NUMBERS, "high": NUMBERS}, optional={"log": st.booleans()}),
    st.fixed_dictionaries({"choices": st.lists(NUMBERS, min_size=1, max_size=4)}),
)
INTS = st.one_of(
    st.fixed_dictionaries({"low": st.integers(1, 9), "high": st.integers(1, 9)}, optional={"step": st.integers(1, 4)}),
    st.fixed_dictionaries({"low": st.integers(1, 9), "high": st.integers(1, 9), "log": st.booleans()}),
    st.fixed_dictionaries({"choices": st.lists(st.integers(1, 64), min_size=1, max_size=4)}),
)
SPACES = st.fixed_dictionaries(
    {},
    optional={
        "learning_rate": FLOATS,
        "warmup_ratio": FLOATS,
        "lora_rank": INTS,
        "epochs": INTS,
        "base_model": st.fixed_dictionaries({"choices": st.lists(st.sampled_from(["a/b", "/m/c"]), min_size=1)}),
        "lr_scheduler": st.fixed_dictionaries({"choices": st.lists(st.sampled_from(["cosine", "linear"]), min_size=1)}),
    },
)
REQUESTS = st.fixed_dictionaries(
    {"space": SPACES},
    optional={
        "most_trials": st.integers(1, 500),
        "promote": st.booleans(),
        "hours": st.none() | NUMBERS,
        "cost": st.none() | NUMBERS,
        "sampler": st.sampled_from(["tpe", "random"]),
        "seed": st.integers(0, 9),
        "pruner": st.fixed_dictionaries({}, optional={"kind": st.just("none"), "startup_trials": st.integers(1, 9)}),
        "config": st.fixed_dictionaries({}, optional={"batch_size": st.integers(1, 64), "method": st.just("lora")}),
    },
)


def query_of(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))


@given(st.dictionaries(st.sampled_from(NAMES), WORDS), WORDS)
def test_an_address_holds_everything_that_is_typed(values: dict[str, str], sheet: str) -> None:
    draft = StudyDraft.parse({"draft": "k1"}).on(sheet)
    for name, text in values.items():
        draft = draft.with_(name, text)
    assert StudyDraft.parse(query_of(draft.address())) == draft


@given(REQUESTS)
def test_a_duplicate_asks_for_what_the_study_asked_for(stated: dict[str, Any]) -> None:
    config = stated.pop("config", {})
    job = {"training_sheet_id": "s 1", "model_name": "triage", "train_val_split": 0.7, "training_config": config}
    asked = StudyRequest.model_validate({**stated, "name": "s", "job": job})
    again = StudyDraft.parse(query_of(address_like(asked))).with_("name", "s").request()
    found = StudyRequest.model_validate(CreateStudy.model_validate(again).model_dump(exclude_unset=True))
    assert found.space.searched == asked.space.searched  # a learning rate's logarithm goes without saying
    same = [name for name in StudyRequest.model_fields if name != "space"]
    assert {name: getattr(found, name) for name in same} == {name: getattr(asked, name) for name in same}


def test_every_key_of_the_space_is_offered_in_the_ways_that_the_service_takes() -> None:
    assert [each.name for each in parameters()] == list(SearchSpace.model_fields)
    assert all(each.help for each in parameters())
    for key in parameters():
        for kind in key.kinds:
            draft = StudyDraft.parse({place(key.name): kind})
            for part, text in (("low", "1"), ("high", "2"), ("choices", "1, 2")):
                draft = draft.with_(place(key.name, part), text)
            search = SearchSpace.model_validate(draft.request()["space"]).searched[key.name]
            assert kind_of(search) == kind, key.name


@pytest.mark.parametrize(
    ("pointer", "field"),
    [
        ("/name", "name"),
        ("/job/training_config/epochs", "epochs"),
        ("/job/model_name", "model_name"),
        ("/space/epochs/high", "space.epochs"),
        ("/space/lr_scheduler", "space.lr_scheduler"),
        ("/space", "space"),
        ("/pruner/kind", "pruner"),
        ("/seed", "search_seed"),
        ("/job/training_config/seed", "seed"),
        ("/pruner/startup_trials", "startup_trials"),
    ],
)
def test_the_field_of_a_problem(pointer: str, field: str) -> None:
    assert field_of(pointer) == field


def test_no_field_of_a_study_is_called_as_one_of_its_job() -> None:
    of_job = {*request_fields(), *(field.name for field in config_fields())}
    assert of_job.isdisjoint(study_fields())


def test_what_is_no_number_is_left_to_the_service_and_what_is_wrong_can_be_left_out() -> None:
    query = {"sheet": "s", "name": "A b", "most_trials": "many", "hours": "2", "warmup_evaluations": "0", "x": "1"}
    query |= {place("epochs"): "range", place("epochs", "low"): "1.0", place("epochs", "high"): "x"}
    query |= {place("lora_rank"): "values", place("lora_rank", "choices"): "4, 8,,nine", place("method", "low"): "1"}
    draft = StudyDraft.parse(query)
    request = draft.request()
    assert (request["most_trials"], request["hours"], request["name"]) == ("many", 2, "A b")
    assert request["pruner"] == {"warmup_evaluations": 0}
    assert request["space"] == {"epochs": {"low": 1, "high": "x"}, "lora_rank": {"choices": [4, 8, "nine"]}}
    assert type(request["space"]["epochs"]["low"]) is int
    rest = draft.request(without={"name", "model_name", "most_trials", place("epochs"), place("lora_rank")})
    assert rest["space"] == {}
    assert "most_trials" not in rest
    assert rest["job"]["model_name"] == ANY_NAME
    assert CreateStudy.model_validate(rest).name == rest["name"]
    assert (draft.searches, StudyDraft.parse({"name": "s"}).searches) == (True, False)


def test_a_base_model_that_is_searched_is_not_that_of_the_job() -> None:
    draft = StudyDraft.parse({"sheet": "small", "base_model": "/m/c", place("base_model", "choices"): "a/b, /m/c"})
    assert draft.request()["job"]["base_model"] == "/m/c"
    searched = draft.with_(place("base_model"), "values").request()
    assert "base_model" not in searched["job"]
    assert searched["space"] == {"base_model": {"choices": ["a/b", "/m/c"]}}
