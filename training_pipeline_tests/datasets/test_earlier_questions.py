"""Pinned: manifests of gate policies 4 to 6 have these hashes. `test_text_hashes.py` has those of policies 1 to 3."""

from __future__ import annotations

from typing import Any

from training_pipeline.datasets.earlier_questions import questions_of_policy_6

CALLS = '[{"id":"c1","type":"function","function":{"name":"find","arguments":{"term":"Größe ≥ 1"}}}]'
MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "  Wo ist\tdie Akte? "},
    {"role": "assistant", "content": None, "tool_calls": CALLS},
    {"role": "tool", "content": "hier", "tool_call_id": "c1"},
    {"role": "assistant", "content": "Hier.", "weight": 1},
    {"role": "User", "content": "Ja?"},
]


def test_the_questions_of_policies_4_to_6() -> None:
    expected = [
        "f96f581f1d4752408c8ec57d047c283b",
        "376c4fd5fae3d8fb45d1b75ffd8512a3",
        "7c1a3bc6954dcc8542ec94bb98d42420",
    ]
    assert questions_of_policy_6(MESSAGES) == expected
    assert questions_of_policy_6(MESSAGES[:5]) == expected[:2]
    assert questions_of_policy_6([{"role": "user", "content": "\u200bWas?"}]) == ["884091ab879188401be8eb8ab3a32392"]
    assert questions_of_policy_6([{"role": "assistant", "content": "Guten Tag."}]) == []
