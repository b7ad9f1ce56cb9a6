"""The text of an API token: `tpk_<id>_<secret><checksum>`.

The prefix is for those who look for leaked secrets, the id for finding the token's row. The secret has 256 random bits.
The checksum reveals a truncated or mistyped token without a look-up.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from typing import Final

PREFIX: Final = "tpk"
ALPHABET: Final = string.digits + string.ascii_letters
ID_BYTES: Final = 6
SECRET_CHARACTERS: Final = 43  # of 62 kinds: 256 bits
CHECKSUM_CHARACTERS: Final = 6  # of 62 kinds: the 32 bits of a CRC
_FORM: Final = re.compile(
    rf"{PREFIX}_(?P<id>[0-9a-f]{{{2 * ID_BYTES}}})_[0-9A-Za-z]{{{SECRET_CHARACTERS}}}"
    rf"(?P<checksum>[0-9A-Za-z]{{{CHECKSUM_CHARACTERS}}})"
)


def new_token() -> tuple[str, str]:
    """A new id and the token's whole text, which is shown once and stored nowhere."""
    token_id = secrets.token_hex(ID_BYTES)
    secret = "".join(secrets.choice(ALPHABET) for _ in range(SECRET_CHARACTERS))
    stem = f"{PREFIX}_{token_id}_{secret}"
    return token_id, stem + checksum(stem)


def id_of(text: str) -> str | None:
    """The id in the text of a token; None for any text that is none. Says nothing of whether there is one."""
    found = _FORM.fullmatch(text)
    if found is None or checksum(text[:-CHECKSUM_CHARACTERS]) != found["checksum"]:
        return None
    return found["id"]


def digest(text: str) -> str:
    """What is stored of a token: its SHA-256 (hex).

    Slow hashes and salts protect what people choose, because that can be guessed. 256 random bits cannot be
    guessed, and a slow hash would slow down every request and help to overload the service.
    """
    return hashlib.sha256(text.encode()).hexdigest()


def matches(text: str, stored: str) -> bool:
    """Whether `stored` is the digest of this text; takes as long wherever they differ."""
    return hmac.compare_digest(digest(text), stored)


def checksum(stem: str) -> str:
    """The CRC-32 of everything before it, in base 62."""
    rest, characters = zlib.crc32(stem.encode()), []
    for _ in range(CHECKSUM_CHARACTERS):
        rest, digit = divmod(rest, len(ALPHABET))
        characters.append(ALPHABET[digit])
    return "".join(reversed(characters))
