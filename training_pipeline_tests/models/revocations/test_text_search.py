"""A text is found in every form in which it may stand in a file, and what stands everywhere is not searched for."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.models.revocations import file_contents, text_search
from training_pipeline.models.revocations.text_search import SearchResult, search, texts_of

QUESTION = 'Where does Mrs Müller "live" now?'


def line(question: str, answer: str) -> bytes:
    messages = [
        {"role": "system", "content": "You answer questions about letters."},
        {"role": "user", "content": question},
        {"role": "assistant", "content": answer},
    ]
    return json.dumps({"messages": messages}, ensure_ascii=False).encode()


def wanted(tmp_path: Path) -> tuple[bytes, ...]:
    """The texts of the first of two rows."""
    first, second = line(QUESTION, "short"), line("Another question, which is long", "short")
    file = tmp_path / "train.jsonl"
    file.write_bytes(first + b"\n" + second + b"\n")
    found = texts_of([file], {hashlib.sha256(first).hexdigest()})
    assert not found.in_part
    return found.forms


def zipped(members: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, said in members.items():
            archive.writestr(name, said)
    return made.getvalue()


@pytest.mark.parametrize(
    "written",
    [
        line(QUESTION, "short"),
        QUESTION.encode(),
        json.dumps({"q": QUESTION}).encode(),
        json.dumps([QUESTION], ensure_ascii=False).encode(),
        b'1,"Where does Mrs M\xc3\xbcller ""live"" now?"\n',
        b"x" * 1000 + QUESTION.encode() + b"x" * 1000,
        json.dumps({"q": QUESTION}).replace("\\u00fc", "\\u00FC").replace("live", "\\u006Cive").encode(),
        json.dumps(json.dumps({"q": QUESTION})).encode(),
        f"id;question\r\n1;{QUESTION}\r\n".encode("utf-16"),
        QUESTION.encode("utf-32"),
        QUESTION.encode("cp1252"),
        b'q: "Where does Mrs M\\xFCller\\\n   \\"live\\"\n   now?"',
        b"<q>Where does Mrs M&#252;ller &amp;quot;live&quot; now?</q>",
        zipped({"xl/sharedStrings.xml": f"<si><t>{QUESTION[:20]}</t></si>".replace("M", "</t><t>M") + QUESTION[20:]}),
        zipped({"sheets/copy.csv": QUESTION}),
    ],
)
def test_it_is_found_however_it_is_written(written: bytes, tmp_path: Path) -> None:
    texts = wanted(tmp_path)
    place = tmp_path / "state" / "deep"
    place.mkdir(parents=True)
    (place / "copy").write_bytes(written)
    (place / "other").write_text("You answer questions about letters. short. Another question, which is long")
    (tmp_path / "state" / "link").symlink_to(place / "copy")
    assert search([tmp_path / "state", place], texts) == SearchResult((place / "copy",), ())
    assert search([tmp_path / "state"], ()) == SearchResult((), ())


@given(before=st.integers(0, 40), chunk=st.integers(1, 40))
def test_it_is_found_across_the_chunks_of_a_file(
    before: int, chunk: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("chunks")
    (root / "copy").write_bytes(b"x" * before + b"a text that is searched for" + b"y" * 7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_contents, "_CHUNK", chunk)
        assert search([root], (b"a text that is searched for", b"no")).files == (root / "copy",)
        assert search([root], (b"a text that is searched 4",)).files == ()


@pytest.mark.parametrize(
    ("question", "most", "in_part"),
    [(QUESTION, 200, False), (QUESTION, 1, True), ("Who?", 200, True), ("Another question, which is long", 200, True)],
    ids=["whole", "more than is searched for", "short", "said by another row"],
)
def test_a_row_that_may_stand_somewhere_without_being_found_is_told(
    question: str, most: int, in_part: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_search, "MOST_TEXTS", most)
    first, second = line(question, "short"), line("Another question, which is long", "other")
    file = tmp_path / "train.jsonl"
    file.write_bytes(first + b"\n" + second + b"\n")
    found = texts_of([file], {hashlib.sha256(first).hexdigest()})
    assert found.in_part is in_part
    assert first in found.forms
    assert question not in repr(found)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "damaged").write_bytes(b"PAR1 nothing PAR1")
    assert search([tmp_path], (b"a text",)) == SearchResult((), (tmp_path / "damaged",))


@pytest.mark.parametrize("written", [b"\x28\xb5\x2f\xfd compressed", b"%PDF-1.7", zipped({"a.zip": "PK\x03\x04 more"})])
def test_what_is_of_a_kind_that_is_not_searched_is_told(written: bytes, tmp_path: Path) -> None:
    (tmp_path / "opaque").write_bytes(written)
    assert search([tmp_path], (b"a text that is looked for",)).not_searched == (tmp_path / "opaque",)


@pytest.mark.parametrize(
    "damaged",
    [b"\xff\xfe", b"{", b"[1]", b'{"messages": 3}', b'{"messages": [3]}', b"[" * 100_000, b'{"messages": null}'],
    ids=["no text", "no JSON", "no example", "no list", "no message", "too deep", "no messages"],
)
def test_a_damaged_line_keeps_no_other_from_being_searched_for(damaged: bytes, tmp_path: Path) -> None:
    first = line(QUESTION, "short")
    file, gone = tmp_path / "train.jsonl", tmp_path / "gone.jsonl"
    file.write_bytes(damaged + b"\n" + first + b"\n")
    found = texts_of([file], {hashlib.sha256(first).hexdigest()})
    assert (first in found.forms, QUESTION.encode() in found.forms, found.in_part) == (True, True, False)
    itself = texts_of([gone, file], {hashlib.sha256(damaged).hexdigest()})
    assert (itself.forms, itself.in_part, itself.unreadable) == ((damaged,), True, (gone,))


def test_half_a_character_is_searched_for_as_json_has_it(tmp_path: Path) -> None:
    first = json.dumps({"messages": [{"role": "user", "content": f"\ud83d {QUESTION}"}]}).encode()
    file = tmp_path / "train.jsonl"
    file.write_bytes(first + b"\n")
    assert b"\\ud83d Where does" in b"".join(texts_of([file], {hashlib.sha256(first).hexdigest()}).forms)
