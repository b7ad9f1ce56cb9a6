from __future__ import annotations

import os
from pathlib import Path

import pytest

from training_pipeline.domain.usage import Use
from training_pipeline.sheets.head import Head, parse_head, read_head, write_head
from training_pipeline.testing.sheets.sheet_files import HEAD


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
        ("name: a\nstatus: x\nname: b", "3 : the key 'name' appears twice at column 1"),
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


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('owner: "\\ud800"', "/owner: must not contain half of a surrogate pair"),
        ('description: "a\\0b"', "/description: must not contain the character NUL"),
        ('metadata: {"a\\0": 1}', "/metadata: has a key that must not contain the character NUL"),
        ("metadata: {a: [.inf]}", "/metadata/a/0: is not a finite number"),
        ("metadata: {a: !!binary aGk=}", "/metadata/a: is of the type bytes"),
        ("created_at: 9999-12-31T23:59:59-14:00", "/created_at: lies before the year 1 or after 9999"),
        ("created_at: 2026-02-30", "5 : is no timestamp"),
        *(
            (f"delimiter: {said}", "/delimiter: must be neither a quotation mark nor a line break")
            for said in ("'\"'", '"\\n"', '"\\r"')
        ),
        ("evaluate_on: A suite", "/evaluate_on: string should match pattern"),
        ("evaluate_on: a\nevaluate_judge: A judge", "/evaluate_judge: string should match pattern"),
        ("evaluate_judge: house", "/evaluate_judge: needs evaluate_on, the suite whose answers it judges"),
        ("pairs_file: ../x.parquet", "/pairs_file: string should match pattern"),
    ],
)
def test_what_cannot_be_stored_is_refused(line: str, expected: str) -> None:
    assert expected in "\n".join(faults(HEAD + line))


def test_whatever_stands_under_the_name_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "directory.yaml").mkdir()
    (tmp_path / "dangling.yaml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    (tmp_path / "device.yaml").symlink_to("/dev/zero")
    (tmp_path / "huge.yaml").write_bytes(b"#" * 2**20)
    (tmp_path / "fine.yaml").write_text(HEAD)
    (tmp_path / "link.yaml").symlink_to(tmp_path / "fine.yaml")
    found = {path.stem: read_head(path) for path in tmp_path.iterdir()}
    assert isinstance(found.pop("fine"), Head)
    assert isinstance(found.pop("link"), Head)
    messages = {name: problems[0].message for name, problems in found.items() if isinstance(problems, list)}
    assert messages == {
        "pipe": "is a named pipe; expected a file",
        "directory": "is a directory; expected a file",
        "dangling": "cannot be read: No such file or directory",
        "loop": "cannot be read: Too many levels of symbolic links",
        "device": "is a device; expected a file",
        "huge": "is larger than 256 KiB; it has no room for data",
    }


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
