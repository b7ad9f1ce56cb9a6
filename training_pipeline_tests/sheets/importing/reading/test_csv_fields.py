from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training_pipeline.sheets.importing.reading.csv_fields import form_of, rows

FIELD = st.text(st.sampled_from('ab,;\t|"\n ü'), max_size=6)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=st.lists(st.tuples(FIELD, FIELD), max_size=5), delimiter=st.sampled_from(",;\t|"))
def test_fields_are_those_that_were_written(tmp_path: Path, records: list[tuple[str, str]], delimiter: str) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerows([("question", "answer"), *records])
    content = out.getvalue().encode()
    (tmp_path / "a.csv").write_bytes(content)
    form = form_of(content, None)
    assert form.delimiter == delimiter
    read = [row.values for row in rows(tmp_path / "a.csv", form)]
    assert read == [{"question": q or None, "answer": a or None} for q, a in records if q or a]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a,b\n1,2\n1\n", 3, "has 1 fields where the header has 2"),
        ('a,b\n"1\n2",3\n1,2,3\n', 4, "has 3 fields"),
        ("a,a\n1,2\n", 1, "appears twice in the header"),
        ('a,b\n1,"2\n', 2, "in or after this line"),
        ("sep=;\na;b\n1;2;3\n", 3, "has 3 fields"),
        ('sep="\na,b\n1,2\n', 2, "has 2 fields where the header has 1"),  # names no delimiter: it is a header
        ("a,b\r1,2\r", 2, "not as CSV for Macintosh"),
    ],
)
def test_faults_stand_at_their_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    found = [p for row in rows(tmp_path / "a.csv", form_of(text.encode(), None)) for p in row.problems]
    assert (found[0].line, said in found[0].message) == (line, True), found


def test_latin_1_is_not_guessed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("a,b\n1,ü\n".encode("latin-1"))
    (row,) = rows(tmp_path / "a.csv", form_of(b"a,b", None))
    assert (row.line, row.problems[0].code) == (2, "wrong_encoding")
