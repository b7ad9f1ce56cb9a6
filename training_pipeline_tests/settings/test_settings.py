from __future__ import annotations

import fnmatch
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from training_pipeline.definitions import build
from training_pipeline.settings import Settings, subjects

#: Numbers, ranges, steps, lists, names and what looks like them; some are none of a cron's.
FIELDS = st.from_regex(r"(\*|[0-9]{1,2}|L|R|H|mon|feb)([-,/#][0-9]{1,2}){0,2}", fullmatch=True)
CRONS = st.lists(FIELDS, min_size=4, max_size=6).map(" ".join) | st.text(max_size=12)
ZONES = st.sampled_from(["UTC", "Europe/Zurich", "Europe", "", "../x", "\0", "EST5EDT", "x" * 5000]) | st.text(
    max_size=8
)
DAYS = st.floats(min_value=0) | st.floats(0, 40_000)


@settings(max_examples=30, deadline=None)
@given(CRONS, ZONES, DAYS)
def test_settings_are_refused_or_make_definitions_that_load(cron: str, zone: str, days: float) -> None:
    given, refused = {}, set()
    for name, value in {"retrain_cron": cron, "retrain_timezone": zone, "model_fresh_days": days}.items():
        try:
            Settings.model_validate({name: value})
        except ValidationError as error:
            refused |= {problem["loc"] for problem in error.errors()}
        else:
            given[name] = value
    assert refused | {(name,) for name in given} == {("retrain_cron",), ("retrain_timezone",), ("model_fresh_days",)}

    def unopened() -> None:
        raise AssertionError("loading opens nothing")

    dg.Definitions.validate_loadable(build(Settings.model_validate(given), unopened))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "cron", ["99 * * * *", "0 0 30 2 *", "0 0 31 4 *", "0 0 31 2,4 *", "a b c d e", "*/0 * * * *", "@daily", "* * * *"]
)
def test_a_cron_that_is_none_or_never_comes_is_refused(cron: str) -> None:
    with pytest.raises(ValidationError, match="retrain_cron"):
        Settings(retrain_cron=cron)


def test_a_cron_that_comes_rarely_is_taken() -> None:
    assert Settings(retrain_cron="0 0 29 2 *").retrain_cron == "0 0 29 2 *"


def test_with_tokens_no_directory_but_ours_may_be_a_base_model_unless_it_is_stated(tmp_path: Path) -> None:
    def takes(name: str, **values: Any) -> bool:
        patterns = Settings(state_dir=tmp_path, **values).allowed_base_models
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)

    trained = f"{tmp_path.resolve()}/runs/tj-1-1/model"
    for name in ("/home/eve/model", trained, "Qwen/Qwen3-0.6B"):
        assert takes(name)
        assert takes(name, auth="token") == (name != "/home/eve/model")
        assert not takes(name, base_models="")
    assert not takes(f"{tmp_path.resolve()}/runs/tj-1-1/base", auth="token")
    assert takes("/home/eve/model", auth="token", base_models="meta-llama/*, /home/eve/*")
    assert not takes("Qwen/Qwen3-0.6B", auth="token", base_models="meta-llama/*, /home/eve/*")


def test_four_eyes_need_two_people() -> None:
    assert Settings(auth="token", four_eyes=True).four_eyes
    with pytest.raises(ValueError, match="FOUR_EYES needs TRAINING_PIPELINE_AUTH=token"):
        Settings(auth="none", four_eyes=True)
    assert Settings(auth="token", promotion_four_eyes=True).promotion_four_eyes
    with pytest.raises(ValueError, match="PROMOTION_FOUR_EYES needs TRAINING_PIPELINE_AUTH=token"):
        Settings(auth="none", promotion_four_eyes=True)


@pytest.mark.parametrize(
    "values",
    [
        {"judges": {"a": {"url": "https://u:s3cr3t@h/v1", "model": "m"}}},
        {"judges": {"a": {"url": "https://h/v1", "model": "m", "key": "s3cr3t"}}},
        {"api_public_url": "https://u:s3cr3t@h"},
    ],
)
def test_no_error_quotes_what_was_set(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(values)
    assert "s3cr3t" not in str(caught.value)


def test_every_setting_belongs_to_one_subject() -> None:
    by_subject = [name for subject in subjects() for name in subject.model_fields]
    assert len(by_subject) == len(set(by_subject)), "A subject would silently take another one's setting over."
    assert by_subject == list(Settings.model_fields), "Settings are listed in the order of their subjects."


def test_every_subject_is_frozen_and_a_setting_cannot_be_changed() -> None:
    assert all(subject.model_config.get("frozen") for subject in subjects())
    with pytest.raises(ValidationError, match="frozen"):
        Settings().api_port = 80  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("api_public_url", "https://train.example.org"),
        ("api_public_url", "http://192.0.2.7:8000"),
        ("dagster_url", "https://dagster.example.org/runs"),
        ("api_trusted_proxies", "10.0.0.1"),
    ],
)
def test_without_tokens_nobody_comes_through_a_proxy(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=f"TRAINING_PIPELINE_{name.upper()} needs TRAINING_PIPELINE_AUTH=token"):
        Settings(state_dir=tmp_path, **{name: value})  # type: ignore[arg-type]
    assert getattr(Settings(state_dir=tmp_path, auth="token", **{name: value}), name) == value  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["localhost:8443", "train.localhost", "127.0.0.1:3000", "[::1]:8000"])
def test_an_address_of_this_machine_may_be_named_without_tokens(tmp_path: Path, host: str) -> None:
    made = Settings(state_dir=tmp_path, api_public_url=f"https://{host}", dagster_url=f"http://{host}")
    assert made.auth == "none"


FLOATS = [name for name, field in Settings.model_fields.items() if "float" in str(field.annotation)]


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("value", ["inf", "1e300", "nan"])
def test_no_time_or_rate_is_endless(name: str, value: str) -> None:
    """No timer, clock or database counts that."""
    with pytest.raises(ValidationError, match=name):
        Settings.model_validate({name: value})


@pytest.mark.parametrize("name", ["api_requests_per_second", "api_failures_per_minute"])
def test_no_rate_is_as_good_as_none(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings.model_validate({name: 5e-324})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("duckdb_memory_limit", "nonsense"),
        ("duckdb_memory_limit", "80%"),
        ("duckdb_memory_limit", "1KB"),
        ("duckdb_memory_limit", "0GB"),
        ("duckdb_memory_limit", ""),
        ("duckdb_threads", 2**40),
        ("local_trainer", "'/opt/my python -m x"),
        ("local_trainer", " "),
        ("api_trusted_proxies", "nginx"),
        ("api_trusted_proxies", "10.0.0.7/8"),
        ("api_trusted_proxies", "10.0.0.1, 10.0.0.0/33"),
        ("state_dir", ""),
        ("sheets_dir", " "),
        ("models_dir", ""),
        ("poll_seconds", 2**40),
    ],
)
def test_what_could_not_be_used_later_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings.model_validate({"auth": "token", name: value})


def test_what_is_unusual_and_can_be_used_is_taken() -> None:
    for limit in ("1GB", "600MB", "1.5 GiB", "2tb"):
        assert Settings(duckdb_memory_limit=limit).duckdb_memory_limit == limit
    for proxies in ("*", "10.0.0.1", "10.0.0.0/8, ::1,", "2001:db8::/32"):
        assert Settings(auth="token", api_trusted_proxies=proxies).api_trusted_proxies == proxies
    assert Settings(local_trainer='"/opt/my python" -m x').local_trainer
