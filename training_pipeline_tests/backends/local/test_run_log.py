from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.backends.local.run_log import CHARACTERS, LINES, append_privately, log_tail, read_log


def test_no_log_has_no_tail(tmp_path: Path) -> None:
    assert log_tail(tmp_path / "none.log") == ""


def test_the_last_lines_are_shown_without_bars_and_colours(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(
        "".join(f"line {n}\n" for n in range(100)) + " 1%|   \r 50%|#  \r100%|###\n\x1b[31mError\x1b[0m\n\n"
    )
    lines = log_tail(path).split("\n")
    assert len(lines) == LINES
    assert lines[-2:] == ["100%|###", "Error"]
    assert lines[0] == "line 82"


def test_passwords_and_tokens_are_taken_out(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(
        "postgresql://me:geheim@host/db\nhf_abcdefghijklmnop\nAuthorization: Bearer abc123def456\n"
        "token=0123456789abc\nepoch 3 of 4, tokens 1234567890\n"
    )
    tail = log_tail(path)
    for secret in ("geheim", "hf_abc", "abc123def456", "0123456789abc"):
        assert secret not in tail
    assert "tokens 1234567890" in tail


@given(st.binary(max_size=5000))
def test_any_bytes_give_a_short_tail(tmp_path_factory: object, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.log"  # type: ignore[attr-defined]
    path.write_bytes(content * 20)
    tail = log_tail(path)
    assert len(tail) <= CHARACTERS
    assert tail.count("\n") < LINES
    assert "\x1b" not in tail


def test_a_log_is_the_owners(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    for _ in range(2):
        with append_privately(path) as log:
            log.write(b"x")
    assert path.read_bytes() == b"xx"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@given(st.lists(st.text("ab ä\r", max_size=40), max_size=30), st.integers(200, 400), st.booleans())
def test_a_log_read_in_parts_is_the_whole_log(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], limit: int, finished: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "parts.log"
    path.write_bytes("\n".join([*lines, "" if finished else "the end"]).encode())
    texts, offset = [], 0
    while True:
        part = read_log(path, offset, limit=limit, ended=True)
        texts.append(part.text)
        assert part.offset == offset
        if part.next_offset == offset:
            break
        offset = part.next_offset
    assert offset == path.stat().st_size
    assert "".join(texts) == read_log(path, 0, limit=1 << 20, ended=True).text
    end = read_log(path, None, limit=limit, ended=True)
    assert "".join(texts).endswith(end.text)


def test_a_line_that_is_being_written_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    assert read_log(path, None, limit=100, ended=False).size == 0
    path.write_bytes(b"one\ntw")
    part = read_log(path, 0, limit=100, ended=False)
    assert (part.text, part.next_offset, part.size) == ("one\n", 4, 6)
    path.write_bytes(b"one\ntwo token=0123456789abc\n")
    later = read_log(path, part.next_offset, limit=100, ended=False)
    assert later.text == "two token=***\n"
    assert read_log(path, 10_000, limit=100, ended=True).text == ""


def test_a_line_without_end_comes_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"x" * 250)
    part = read_log(path, 0, limit=100, ended=False)
    assert (part.text, part.next_offset) == ("x" * 100, 100)
