from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.infra.zip_stream import SUMS, zip_stream
from training_pipeline.testing.soak import examples

NAMES = st.text("abcdefgh/.-_0123456789", min_size=1, max_size=20).map(lambda name: f"x{name}".replace("//", "/"))


@settings(max_examples=examples(25))
@given(st.dictionaries(NAMES, st.lists(st.binary(max_size=3000), max_size=4), max_size=5))
def test_every_file_is_there_whole_with_its_hash_and_the_same_again(
    files: dict[str, list[bytes]],
) -> None:
    made = b"".join(zip_stream(files.items()))
    assert made == b"".join(zip_stream(files.items()))
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [*files, SUMS]
        assert {name: archive.read(name) for name in files} == {name: b"".join(of) for name, of in files.items()}
        told = [line.split("  ", 1) for line in archive.read(SUMS).decode().splitlines()]
    assert told == [[hashlib.sha256(b"".join(of)).hexdigest(), name] for name, of in files.items()]


def test_content_is_asked_for_when_it_is_due() -> None:
    """A million rows are never held: the first piece is out before the second is read."""
    asked: list[int] = []

    def content() -> Iterator[bytes]:
        for number in range(3):
            asked.append(number)
            yield b"x" * 100_000

    pieces = zip_stream([("rows", content())])
    next(pieces)
    assert asked == [0]
    assert len(list(pieces)) >= 3
    assert asked == [0, 1, 2]
