"""What cuts texts into tokens, as digests: two models with the same ones have the same tokens."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def tokenizer_sha256(tokenizer: Any) -> str:
    """SHA-256 (hex) over a fast tokenizer's vocabulary, rules and special tokens.

    Left out is how texts are cut and filled up to one length, which is changed by its use.
    """
    rules = json.loads(tokenizer.backend_tokenizer.to_str())
    known = {key: value for key, value in rules.items() if key not in {"truncation", "padding"}}
    special = {name: str(token) for name, token in tokenizer.special_tokens_map.items()}
    return hashlib.sha256(json.dumps([known, special], sort_keys=True).encode()).hexdigest()


def chat_template_sha256(template: str) -> str:
    """SHA-256 (hex) of a chat template."""
    return hashlib.sha256(template.encode()).hexdigest()
