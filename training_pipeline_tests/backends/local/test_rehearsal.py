from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.backends.local import rehearsal
from training_pipeline.backends.local.backend import PROGRAM, LocalBackend
from training_pipeline.backends.rehearsal import NOT_REHEARSED
from training_pipeline.sft.preflight.findings import CODES, CUT, CUT_OFF, REFUSED
from training_pipeline.testing.trainers.local_backend import stand_in_program, submission

FINDINGS = [
    {"code": REFUSED, "message": "It leaves out pair 'a'.", "count": 2, "pair_ids": ["a", "b"]},
    {"code": REFUSED, "message": "No end token.", "count": 1, "pair_ids": []},
    {"code": CUT_OFF, "message": "would lose the whole answer.", "count": 1, "pair_ids": ["c"]},
    {"code": CUT, "message": "would lose the end.", "count": 12, "pair_ids": [str(n) for n in range(10)]},
]


def program(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(rehearsal, "PROGRAM", (sys.executable, "-S", "-c", code))


def finds(monkeypatch: pytest.MonkeyPatch, *findings: dict[str, Any], **told: Any) -> None:
    unknown = dict.fromkeys(("unknown_tokens", "tokenizer_sha256", "chat_template_sha256"))
    said = {"findings": findings, "lengths": {}, **unknown, **told}
    program(monkeypatch, f"print({json.dumps(said)!r})")


def test_what_the_program_finds_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    finds(monkeypatch, *FINDINGS)
    refused, base, cut_off, cut = (warning.message for warning in rehearsal.rehearse(submission()).warnings)
    assert refused == "The job would fail. It leaves out pair 'a'. The same with 1 more: pairs 'a', 'b'."
    assert base == "The job would fail. No end token."
    assert cut_off == "The job would fail: 1 example (pair 'c') would lose the whole answer."
    assert cut.startswith("12 examples (pairs '0', '1', ")
    assert cut.endswith(" and 2 more) would lose the end.")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import time; time.sleep(60)", "longer than 0.5 s"),
        ("raise SystemExit(2)", "it failed"),
        ("print(1)", "it failed"),
        ("print('[]')", "it failed"),
        ("print('{}')", "it failed"),
    ],
)
def test_what_keeps_it_from_being_found_out_is_a_warning(monkeypatch: pytest.MonkeyPatch, code: str, said: str) -> None:
    program(monkeypatch, code)
    (warning,) = rehearsal.rehearse(submission(), seconds=0.5).warnings
    assert warning.code == NOT_REHEARSED
    assert said in warning.message


@pytest.mark.parametrize("code", CODES)
def test_every_code_of_the_program_is_passed_on(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    finds(monkeypatch, {**FINDINGS[0], "code": code})
    (warning,) = rehearsal.rehearse(submission()).warnings
    assert warning.code == code
    assert ("would fail" in warning.message) == (code in {REFUSED, CUT_OFF})


def test_lengths_and_unknown_tokens_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    finds(monkeypatch, lengths={"7": 2, "90": 1}, unknown_tokens=3, tokenizer_sha256="t", chat_template_sha256="c")
    found = rehearsal.rehearse(submission())
    assert (found.tokenizer_sha256, found.chat_template_sha256) == ("t", "c")
    assert found.lengths is not None
    assert (found.lengths.examples, found.lengths.quantile(1.0), found.unknown_tokens) == (3, 90, 3)
    finds(monkeypatch)
    assert rehearsal.rehearse(submission()).lengths is None


def test_only_a_model_in_a_folder_and_our_own_program_are_rehearsed(tmp_path: Path) -> None:
    backend = LocalBackend(tmp_path, 1, 1, 1.0)
    assert backend.tokenizer("/models/small")
    assert backend.tokenizer("builtin:tiny") is None
    assert backend.tokenizer("owner/name") is None
    assert PROGRAM[-1] == rehearsal.PROGRAM[-2]
    assert not LocalBackend(tmp_path, 1, 1, 1.0, program=stand_in_program()).tokenizer("/models/small")
