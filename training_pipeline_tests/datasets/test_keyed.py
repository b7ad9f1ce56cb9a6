import hashlib

import ibis
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.datasets.keyed import keyed_table
from training_pipeline.domain.hash_key import SECRET_BYTES, HashKey


def _questions(texts: list[tuple[str, str]]) -> str | None:
    each = {mark + hashlib.sha256(text.encode()).hexdigest()[:32] for mark, text in texts}
    return " ".join(sorted(each)) or None


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=4),
    st.lists(st.tuples(st.sampled_from(["", "+", "*"]), st.text(st.characters(codec="utf-8"))), max_size=4),
    st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES),
)
def test_the_expression_is_what_hmac_says(texts: list[str], asked: list[tuple[str, str]], secret: bytes) -> None:
    key = HashKey("hk-" + "f" * 16, secret)
    rows = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    questions = _questions(asked)
    table = ibis.memtable(
        pa.table(
            {
                "number": range(len(rows) + 1),
                "row_hash": pa.array([*rows, None], pa.string()),
                "prompt_hash": pa.array([questions] * len(rows) + [None], pa.string()),
            }
        )
    )
    found = keyed_table(table, key).order_by("number").to_pyarrow()
    assert found["row_hash"].to_pylist() == [*key.of_all(rows), None]
    expected = None if questions is None else key.of_questions(questions)
    assert found["prompt_hash"].to_pylist() == [expected] * len(rows) + [None]
    assert keyed_table(table, None) is table
