"""Who learned from a row, asked on the command line: here, through a service, and of many keys at once."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.testing.jobs.job_life import API
from training_pipeline.testing.system.command_line import Command


def both(command: Command, url: str, *arguments: str, code: int = 0) -> Any:
    """What the command prints here, having seen that it prints the same through the service."""
    here, there = command("uses", *arguments), command("uses", *arguments, "--url", url)
    said = re.sub(r"(query )|\nRequest id: \S+", "", there[2])
    assert here == (there[0], there[1], said)
    assert here[0] == code, here
    return here[1] or here[2]


def test_the_answer_is_that_of_the_rest_api_and_a_person_reads_it(
    command: Command, url: str, done: TrainingJob
) -> None:
    asked = ("--pair", "p-0003", "--sheet", "small")
    answer = httpx2.get(
        f"{url}{API}/uses", params={"pair": "p-0003", "sheet": "small"}, trust_env=False, timeout=60
    ).json()
    assert json.loads(both(command, url, *asked, "--json")) == answer
    seen = both(command, url, *asked)
    assert all(word in seen for word in ("Learned from the pair p-0003", "triage", done.id, "item-0003", " in "))
    refused = both(command, url, "--pair", "x")
    assert "No model learned from the pair x" in refused
    assert "1 refused: rejected" in refused
    unknown = both(command, url, "--pair", "p-00030", code=1)
    assert "Nearest: " in unknown
    assert "p-0003" in unknown.partition("Nearest: ")[2]
    assert "/item" in both(command, url, "--pair", "a", "--item", "b", code=1)
    assert command("uses", "--pair", "p", "--text-file", "x")[0] == 2


def test_a_text_is_hashed_here_and_never_sent(
    command: Command, url: str, done: TrainingJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(done.data.dataset, DatasetRef)
    line = done.data.dataset.train_file.read_text().splitlines()[0]
    text = json.loads(line)["messages"][0]["content"]
    question = tmp_path / "question.txt"
    question.write_text(f" \u200b {text.upper().removesuffix('?')}\uff1f\n")
    (by_question,) = json.loads(both(command, url, "--text-file", str(question), "--json"))["answers"]
    example = tmp_path / "example.jsonl"
    example.write_text(f"{line}\n")
    sent: list[str] = []
    send = httpx2.Client.send

    def watched(client: httpx2.Client, request: httpx2.Request, **named: Any) -> httpx2.Response:
        sent.append(f"{request.url} {request.read()!r}")
        return send(client, request, **named)

    monkeypatch.setattr(httpx2.Client, "send", watched)
    by_example = json.loads(command("uses", "--text-file", str(example), "--json", "--url", url)[1])["answers"]
    assert [answer["kind"] for answer in by_example] == ["row_hash", "question_hash"]
    for answer in (by_question, *by_example):
        assert answer["sheets"][0]["datasets"][0]["train"] == 1
    assert len(sent) == 3  # the question also as earlier policies hashed it
    assert not any(word in one for one in sent for word in ("invoice", "queue"))
    example.write_text(f'{line}\n\n{{"messages": [{{"role": "user", "content": "Nobody asked this"}}]}}\n{line}\n')
    code, out, err = command("uses", "--text-file", str(example), "--json")
    said = json.loads(out)
    assert (code, err) == (1, "2 of 3 texts were found.\n")
    assert [(one["line"], one["answers"]) for one in said["texts"]] == [(1, 2), (3, 0), (4, 2)]
    assert "No dataset has this text" in said["texts"][1]["message"]
    assert len(said["answers"]) == 4
    code, out, _ = command("uses", "--text-file", str(example))
    assert (code, out.count("Line 3: No dataset has this text"), "Line 4:" in out) == (1, 1, True)
    question.write_text("Something that nobody asked")
    assert "No dataset has this text" in both(command, url, "--text-file", str(question), code=1)


def test_many_keys_are_answered_line_by_line(command: Command, url: str, done: TrainingJob, tmp_path: Path) -> None:
    asked, answered = tmp_path / "keys.jsonl", tmp_path / "uses.jsonl"
    keys: list[Any] = [{"pair": f"p-{number:04d}", "sheet": "small"} for number in range(5)]
    wrong = ['{"pair": 1}', '{"pair": "\xff"}', '{"pari": "p-1"}', "[" * 200_000, '{"item": "none"}']
    lines_asked = [*map(json.dumps, keys), "", *wrong]
    asked.write_bytes("\n".join(lines_asked).encode("latin-1"))
    code, out, err = command("uses", "--keys-file", str(asked), "--output", str(answered))
    assert (code, out, err.strip()) == (1, "", "5 of 10 keys were found.")
    lines = [json.loads(line) for line in answered.read_text().splitlines()]
    assert [line["line"] for line in lines] == [*range(1, 6), *range(7, 12)]
    assert [line["keys"] for line in lines[:5]] == keys
    assert [line["uses"]["value"] for line in lines[:5]] == [key["pair"] for key in keys]
    assert [line["error"] for line in lines[5:]] == [*["invalid_request"] * 4, "not_found"]
    code, out, _ = command("uses", "--keys-file", str(asked), "--url", url)
    assert re.sub(r"\\nRequest id: [\w-]+", "", out) == answered.read_text()
