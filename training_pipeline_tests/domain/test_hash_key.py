import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.hash_key import NO_KEYS, SECRET_BYTES, HashKey

KEY = HashKey("hk-00112233445566aa", bytes(range(SECRET_BYTES)))


@given(st.lists(st.text()), st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES))
def test_it_is_hmac_of_the_digits(texts: list[str], secret: bytes) -> None:
    key = HashKey("hk-" + "0" * 16, secret)
    rows = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for text in texts]
    assert key.of_all(rows) == [hmac.new(secret, row.encode(), "sha256").hexdigest() for row in rows]
    assert [key.of(row[:32]) for row in rows] == [
        hmac.new(secret, row[:32].encode(), "sha256").hexdigest()[:32] for row in rows
    ]


def test_questions_keep_their_marks_and_are_sorted_again() -> None:
    one, two, three = (hashlib.sha256(bytes([n])).hexdigest()[:32] for n in range(3))
    made = KEY.of_questions(f"{one} +{two} *{three}").split(" ")
    assert made == sorted(made)
    assert set(made) == {KEY.of(one), f"+{KEY.of(two)}", f"*{KEY.of(three)}"}


def test_no_message_shows_the_secret() -> None:
    assert KEY.secret.hex() not in repr(KEY)
    assert repr(KEY) == "HashKey(id='hk-00112233445566aa')"


@pytest.mark.parametrize(("key_id", "secret"), [("k", bytes(32)), ("hk-" + "0" * 16, bytes(31))])
def test_what_is_no_key_is_refused(key_id: str, secret: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        HashKey(key_id, secret)


def test_without_keys_nothing_is_known() -> None:
    assert (NO_KEYS.read(KEY.id), NO_KEYS.of_sheet("sheet"), NO_KEYS.readable()) == (None, None, [])
