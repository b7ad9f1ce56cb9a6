from __future__ import annotations

import pytest

from training_pipeline.domain.usage import Use
from training_pipeline.sheets.head import Head, parse_head, write_head
from training_pipeline.testing.sheet_files import HEAD


def faults(text: str | bytes) -> list[str]:
    found = parse_head(text if isinstance(text, bytes) else text.encode())
    assert isinstance(found, list)
    return [f"{problem.line or ''} {problem.path}: {problem.message}" for problem in found]


def test_every_field_is_named_at_once() -> None:
    text = "name: x\nstatus: fine\nsource_sheet: {id: 1, version: 1.10}\ncolour: red\n"
    text += "ignored_columns: [status]\ndefaults: {status: labeled, allowed_uses: [trainin], prohibits: []}\n"
    found = "\n".join(faults(text))
    for expected in (
        "/status: input should be 'generating', 'review'",
        "/source_sheet/version: input should be a valid string (got 1.1); put it in quotes",
        "/prompt_template: field required",
        "/colour: is not known here; known are name, status",
        "/ignored_columns: status mean something in a training sheet",
        "/defaults/status: a status is stated by each pair, never by default",
        "/defaults/allowed_uses/0: input should be 'training'",
        "/defaults/prohibits: is not known here; known are allowed_uses",
    ):
        assert expected in found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: [x\nstatus: y", "2 : expected"),
        ("name: a\nstatus: x\nname: b", "3 : the key 'name' stands twice at column 1"),
        (HEAD + "defaults: {allowed_uses: [training], allowed_uses: [testing]}", "5 : the key 'allowed_uses'"),
        ("- a\n- b", "is not a list of `key: value` lines"),
        ("", "is not a list of `key: value` lines"),
        (b"name: a\nowner: caf\xe9", "2 : is not UTF-8"),
        (b"name: \x00", "character that YAML does not allow"),
        ("name: !!python/object:os.system {}", "could not determine a constructor"),
    ],
)
def test_broken_yaml(text: str | bytes, expected: str) -> None:
    (found,) = faults(text)
    assert expected in found


def test_nothing_is_stated_by_default() -> None:
    head = parse_head(HEAD.encode())
    assert isinstance(head, Head)
    assert head.defaults.stated() == {}


def test_a_head_survives_writing() -> None:
    text = (
        HEAD + "defaults: {allowed_uses: [training], prohibited_uses: [], reviewed_at: 2026-01-02}\ntags: [PHI, Müll]\n"
    )
    head = parse_head(text.encode())
    assert isinstance(head, Head)
    assert head.defaults.allowed_uses == (Use.TRAINING,)
    assert head.defaults.reviewed_at == "2026-01-02"
    assert parse_head(write_head(head)) == head
