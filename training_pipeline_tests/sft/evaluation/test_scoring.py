"""One model asked, for real: the scores do not depend on batches or on where a run was killed, and hold no text."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from training_pipeline.sft.encoding.data import ChatFormat
from training_pipeline.sft.errors import TrainingFailed
from training_pipeline.sft.evaluation import evaluate, scoring
from training_pipeline.sft.evaluation.choices import Choices
from training_pipeline.sft.evaluation.evaluate import Answer, Question
from training_pipeline.sft.evaluation.judge import Judge, JudgeOrder
from training_pipeline.sft.evaluation.scores_file import ScoresFile
from training_pipeline.sft.evaluation.scoring import Loaded, Subject, load
from training_pipeline.sft.evaluation.suite_pairs import Asked, Pair, ask, read_pairs
from training_pipeline.sft.integrity import folder_sha256
from training_pipeline.sft.stop import Stopped, StopRequest
from training_pipeline.testing.servers.judge_server import MODEL, judge_server
from training_pipeline.testing.trainers.triage import triage_pairs, write_jsonl


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[Pair]:
    keys = {"training_sheet_id": "s", "classification": "public", "canonical_label_id": "l"}
    rows: list[dict[str, Any]] = [
        {**keys, "pair_id": f"p{number}", **pair} for number, pair in enumerate(triage_pairs(10))
    ]
    rows.append({**keys, "pair_id": "unasked", "messages": [{"role": "user", "content": "?"}]})
    return list(read_pairs(write_jsonl(tmp_path_factory.mktemp("pairs") / "q.jsonl", rows)))


@pytest.fixture(scope="module")
def loaded(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    subject = Subject("tuned", str(tiny_folder), files=folder_sha256(tiny_folder))
    return load(subject, tmp_path_factory.mktemp("work") / "base")


def scored(loaded: Loaded, pairs: list[Pair], folder: Path, told: Callable[[int], None] = lambda _: None) -> Any:
    scores = ScoresFile(folder, "tuned")
    scoring.score(loaded, pairs, scores, StopRequest(), told)
    scores.publish({pair.key for pair in pairs})
    return pq.read_table(scores.path)


def test_scores_do_not_depend_on_batches_and_hold_no_text(
    loaded: Loaded, pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = scored(loaded, pairs, tmp_path / "whole")
    monkeypatch.setattr(scoring, "BATCH", 2)
    heard: list[int] = []
    apart = scored(loaded, pairs, tmp_path / "apart", heard.append)
    assert heard == [2, 4, 6, 8, 10, 11]
    by_loss = ["token_loss", "bits_per_byte"]
    assert whole.drop_columns(by_loss).equals(apart.drop_columns(by_loss))
    for name in by_loss:
        losses = [table[name].drop_null().to_pylist() for table in (whole, apart)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    words = {word for pair in pairs for message in pair.example.messages for word in message["content"].split()}
    found = {value for name in whole.column_names for value in whole[name].to_pylist() if isinstance(value, str)}
    assert not found & words
    unasked = next(row for row in whole.to_pylist() if row["pair_id"] == "unasked")
    assert unasked["expected_tokens"] is None
    assert (unasked["token_loss"], unasked["answer_tokens"], unasked["stopped"]) == (None, None, None)


def test_a_judge_scores_besides(
    loaded: Loaded, pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it may not read is not sent, and no answer is a wrong one."""

    def answer(model: Any, tokenizer: Any, asked: list[Question], **_: Any) -> list[Answer | None]:
        return [Answer(each.expected if "urgent" in each.expected else "something", stopped=True) for each in asked]

    monkeypatch.setattr(evaluate, "answer", answer)
    readable = [replace(pair, may_be_judged=number != 4) for number, pair in enumerate(pairs)]
    scores = ScoresFile(tmp_path, "tuned")
    with judge_server() as server:
        order = JudgeOrder("house", server.url, "m", None, seconds=5.0, at_once=4, max_tokens=64, pauses=())
        scoring.score(loaded, readable, scores, StopRequest(), lambda _: None, Judge(order))
        sent = [body["messages"][1]["content"] for body in server.asked]
    told = scores.publish({pair.key for pair in readable}, judge=True)["judge"]
    table = {row["pair_id"]: row for row in pq.read_table(scores.path).to_pylist()}
    assert (told["judged"], told["unanswered"], told["not_sent"], told["not_judged"]) == (9, 1, 1, {})
    assert (told["missing"], told["agreed"]) == (None, 9)
    assert table["p4"]["judged_right"] is None
    assert table["p4"]["not_judged"] == "classification"
    assert table["unasked"]["judged_right"] == 0.0
    judged = [row for name, row in table.items() if name not in {"p4", "unasked"}]
    assert all(row["judged_right"] == row["exact_match"] for row in judged)
    assert {row["judged_right"] for row in judged} == {0.0, 1.0}
    assert {row["judged_by"] for row in judged} == {MODEL}
    hidden = readable[4].example.messages[0]["content"]
    assert len(sent) == 9
    assert not [one for one in sent if hidden in one]


def test_scores_are_the_same_where_memory_does_not_suffice_for_many(
    loaded: Loaded, pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = scored(loaded, pairs, tmp_path / "whole")
    answer, losses, room = evaluate.answer, scoring._batch_losses, 2

    def in_room(asked: list[Any]) -> list[Any]:
        if len(asked) > room:
            raise RuntimeError("CUDA error: out of memory")
        return asked

    monkeypatch.setattr(evaluate, "answer", lambda m, t, asked, **more: answer(m, t, in_room(asked), **more))
    monkeypatch.setattr(scoring, "_batch_losses", lambda m, asked: losses(m, in_room(asked)))
    halves = scored(loaded, pairs, tmp_path / "halves")
    by_loss = ["token_loss", "bits_per_byte"]
    assert whole.drop_columns(by_loss).equals(halves.drop_columns(by_loss))
    assert halves["token_loss"].drop_null().to_pylist() == pytest.approx(
        whole["token_loss"].drop_null().to_pylist(), rel=1e-4
    )
    room = 0
    with pytest.raises(RuntimeError, match="out of memory"):  # and no score of a question that was not asked
        scored(loaded, pairs, tmp_path / "none")


def test_the_loss_is_that_of_the_experts_answer(loaded: Loaded, pairs: list[Pair], tmp_path: Path) -> None:
    found = {row["pair_id"]: row["token_loss"] for row in scored(loaded, pairs, tmp_path).to_pylist()}
    for pair in pairs[:3]:
        asked = ask(pair, loaded.chat)
        labels = [-100] * asked.start + asked.input_ids[asked.start :]
        with torch.no_grad():
            loss = loaded.model(input_ids=torch.tensor([asked.input_ids]), labels=torch.tensor([labels])).loss
        assert found[pair.keys["pair_id"]] == pytest.approx(float(loss), rel=1e-4)


def test_the_cheapest_answer_on_offer_is_chosen(loaded: Loaded, pairs: list[Pair], tmp_path: Path) -> None:
    """Each answer's loss is worked out again, alone; bits count bytes of text, whatever the tokens are."""

    def loss(pair: Pair) -> tuple[float, int]:
        asked = ask(pair, loaded.chat)
        labels = [-100] * asked.start + asked.input_ids[asked.start :]
        with torch.no_grad():
            found = loaded.model(input_ids=torch.tensor([asked.input_ids]), labels=torch.tensor([labels])).loss
        return float(found), len(asked.input_ids) - asked.start

    table = {row["pair_id"]: row for row in scored(loaded, pairs, tmp_path).to_pylist()}
    choices = Choices(pairs)
    right = set()
    for pair in pairs[:-1]:
        (own, tokens), others = loss(pair), [loss(other)[0] for other in choices.others(pair)]
        row = table[pair.keys["pair_id"]]
        assert others
        assert row["choice_accuracy"] == float(own < min(others))
        assert row["bits_per_byte"] == pytest.approx(
            own * tokens / math.log(2) / len(ask(pair, loaded.chat).expected.encode()), rel=1e-4
        )
        right.add(row["choice_accuracy"])
    assert right == {0.0, 1.0}
    assert table["unasked"]["choice_accuracy"] is None


def test_a_model_without_a_loss_chooses_wrongly(
    loaded: Loaded, pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One answer does not fit, one chat the template cannot ask; the chat without an answer has no others on offer."""

    def refusing(pair: Pair, chat: ChatFormat) -> Asked:
        asked = ask(pair, chat)
        return replace(asked, question=None) if pair.keys["pair_id"] == "p1" else asked

    monkeypatch.setattr(scoring, "ask", refusing)
    losses = scoring._losses

    def unfit(loaded: Loaded, asked: list[Asked]) -> list[float | None]:
        found = losses(loaded, asked)
        return [None if each.pair.keys["pair_id"] == "p2" else loss for each, loss in zip(asked, found, strict=True)]

    monkeypatch.setattr(scoring, "_losses", unfit)
    found = {row["pair_id"]: row["choice_accuracy"] for row in scored(loaded, pairs, tmp_path).to_pylist()}
    assert (found["p1"], found["p2"], found["unasked"]) == (0.0, 0.0, None)


def test_a_stopped_run_goes_on_after_what_it_has(
    loaded: Loaded, pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "BATCH", 3)
    stop = StopRequest()

    def stopping(done: int) -> None:
        stop.asked = done >= 6

    scores = ScoresFile(tmp_path, "tuned")
    with pytest.raises(Stopped):
        scoring.score(loaded, pairs, scores, stop, stopping)
    assert len(scores.done()) == 6
    asked: list[str | None] = []

    def counted(pair: Pair, chat: ChatFormat) -> Asked:
        asked.append(pair.keys["pair_id"])
        return ask(pair, chat)

    monkeypatch.setattr(scoring, "ask", counted)
    scoring.score(loaded, pairs, scores, StopRequest(), lambda _: None)
    assert len({*asked}) == len(pairs) - 6
    assert scores.done() == {pair.key for pair in pairs}


def test_files_that_are_not_those_on_record_are_refused(tiny_folder: Path, tmp_path: Path) -> None:
    files = {**folder_sha256(tiny_folder), "config.json": "0" * 64, "gone.bin": "0" * 64}
    with pytest.raises(
        TrainingFailed, match=r"not the one on record \(changed, added or gone: config.json, gone.bin\)"
    ):
        load(Subject("champion", str(tiny_folder), files=files), tmp_path)
    with pytest.raises(TrainingFailed, match="cannot be loaded"):
        load(Subject("base", str(tmp_path / "nowhere")), tmp_path)


def test_a_model_that_is_exchanged_after_it_was_compared_is_not_asked(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "model"
    link.symlink_to(tiny_folder)

    def exchanged(*_: object) -> None:
        link.unlink()
        link.symlink_to(tiny_folder)

    monkeypatch.setattr(scoring, "_loaded", exchanged)
    with pytest.raises(TrainingFailed, match=r"The champion model .* was changed while"):
        load(Subject("champion", str(link), files=folder_sha256(tiny_folder)), tmp_path)


def test_the_built_in_base_model_is_made_again(tiny_folder: Path, tmp_path: Path) -> None:
    rows = write_jsonl(tmp_path / "train.jsonl", triage_pairs(60))
    made = {"train_file": str(rows), "max_length": 128, "seed": 1}
    loaded = load(Subject("base", "builtin:tiny", built_in=made), tmp_path / "base")
    assert loaded.positions == 2048
    assert (tmp_path / "base" / "config.json").is_file()
