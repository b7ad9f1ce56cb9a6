"""The split of a sheet: twins stay together, and what was trained on stays trained on, whatever is added."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from training_pipeline.datasets.predecessor import Predecessor
from training_pipeline.datasets.prepare import write_dataset
from training_pipeline.datasets.snapshot import snapshot
from training_pipeline.datasets.split import split_snapshot
from training_pipeline.domain.errors import SplitRefused
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.testing.sheets.manifests import read_manifest
from training_pipeline.testing.sheets.pairs import Row, chat, open_sheet, pair
from training_pipeline.testing.soak import SEED, examples


def made(
    rows: list[Row],
    root: Path,
    *,
    after: tuple[DatasetRef, ...] = (),
    ratio: float = 0.8,
    seed: str = "s",
    policy: GatePolicy | None = None,
) -> DatasetRef:
    """The dataset of these rows; it keeps the sides of `after`, the last one first."""
    opened = open_sheet(rows)
    taken = snapshot(opened, policy or GatePolicy(), directory=root / "snapshots")
    predecessor = Predecessor("tj-before", after) if after else None
    plan = split_snapshot(opened, taken, ratio=ratio, seed=seed, min_pairs=2, predecessor=predecessor)
    return write_dataset(opened, taken, plan, root=root / "datasets")


def sides(dataset: DatasetRef, column: str = "row_hash") -> dict[str, str]:
    manifest = read_manifest(dataset)
    kept = manifest[manifest["split"].notna()]
    return dict(zip(kept[column], kept["split"], strict=True))


def moved(before: DatasetRef, after: DatasetRef) -> dict[tuple[str, str], int]:
    """How many examples went from one side to the other."""
    old, new = sides(before), sides(after)
    changes = [(old[key], new[key]) for key in old.keys() & new.keys() if old[key] != new[key]]
    return {change: changes.count(change) for change in set(changes)}


def sentence(rng: random.Random, letters: int) -> str:
    words: list[str] = []
    while sum(map(len, words)) < letters:
        words.append("".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(3, 9))))
    return " ".join(words).capitalize() + "?"


def asked(number: int, question: str, **values: object) -> Row:
    return pair(number, messages=chat(question, f"Answer {number}."), **values)


def one_letter(rng: random.Random, text: str) -> str:
    place = rng.choice([place for place, letter in enumerate(text) if letter.islower()])
    letter = rng.choice([letter for letter in "abcdefghijklmnopqrstuvwxyz" if letter != text[place]])
    return text[:place] + letter + text[place + 1 :]


@pytest.mark.parametrize("twins", [200, pytest.param(1_000, marks=pytest.mark.nightly)])
@pytest.mark.parametrize(
    "kind", ["dropped", "letter", "case", "system", "zero-width", "composed", "sharp s", "full-width"]
)
def test_no_twin_stands_on_the_other_side(tmp_path: Path, twins: int, kind: str) -> None:
    """Questions of 60 letters and more, each again with a small difference, on an item of its own."""
    rng = random.Random(kind)
    changes: dict[str, Callable[[str], str]] = {
        "dropped": lambda text: text.removesuffix("?"),
        "letter": lambda text: one_letter(rng, text),
        "case": str.upper,
        "system": str,
        "zero-width": lambda text: "\u200b".join([text[:9], text[9:]]),
        "composed": lambda text: unicodedata.normalize("NFD", text),
        "sharp s": lambda text: text.replace("\u00df", "SS"),
        "full-width": lambda text: "".join(chr(ord(c) + 0xFEE0) if c.isascii() and c != " " else c for c in text),
    }
    change = changes[kind]
    own = [f"Gr\u00f6\u00dfe, caf\u00e9: {sentence(rng, rng.randint(60, 150))}" for _ in range(twins)]
    assert kind == "system" or all(change(text) != text for text in own)
    rows = [asked(number, text) for number, text in enumerate(own)]
    for number, text in enumerate(own):
        row = asked(twins + number, change(text))
        if kind == "system":
            row["messages"].insert(0, {"role": "system", "content": "You are an inspector of welds."})
        rows.append(row)
    dataset = made(rows, tmp_path)
    found = sides(dataset, "pair_id")
    assert [n for n in range(twins) if found[f"p-{n:06d}"] != found[f"p-{twins + n:06d}"]] == []
    assert dataset.report.achieved_ratio == pytest.approx(0.8, abs=2 / twins)


def turns(number: int, *questions: str) -> Row:
    """A conversation that asks these questions, one after the other."""
    said = [message for question in questions for message in chat(question, "Go on.")]
    return pair(number, messages=[*said[:-1], *chat("", f"Answer {number}.")[1:]])


@pytest.mark.parametrize("place", ["first", "second", "both", "whole"])
def test_no_twin_in_a_turn_of_a_conversation_stands_on_the_other_side(tmp_path: Path, place: str) -> None:
    rng, twins = random.Random(9), 60
    rows = []
    for number in range(twins):
        text, other = sentence(rng, 80), sentence(rng, 120)
        near = one_letter(rng, text)
        conversation = {
            "first": (near, other),
            "second": (other, near),
            "both": ("Hello there.", near, other),
            "whole": ("Hello there.", near),
        }[place]
        before = (text,) if place in {"first", "second"} else ("Hello there.", text)
        rows += [turns(number, *before), turns(twins + number, *conversation)]
    dataset = made(rows, tmp_path)
    found = sides(dataset, "pair_id")
    assert sum(found[f"p-{n:06d}"] != found[f"p-{twins + n:06d}"] for n in range(twins)) == 0
    assert dataset.report.near.tied >= 2 * twins if place != "second" else dataset.report.near.tied > 0


def test_what_turns_say_by_themselves_and_nobody_asks_outright_ties_nothing(tmp_path: Path) -> None:
    rng = random.Random(3)
    said = sentence(rng, 80)
    rows = [turns(number, sentence(rng, 80), said) for number in range(10)]
    assert made(rows, tmp_path).report.near.tied == 0
    rows += [turns(10, one_letter(rng, said)), *(turns(number, sentence(rng, 80)) for number in range(11, 20))]
    assert made(rows, tmp_path / "more").report.near.tied == 11


def test_a_first_turn_that_is_an_instruction_ties_no_conversations(tmp_path: Path) -> None:
    rng = random.Random(4)
    hello = sentence(rng, 200)
    rows = [turns(number, hello if number % 2 else one_letter(rng, hello), sentence(rng, 80)) for number in range(12)]
    policy = GatePolicy(instruction_prompt_items=5)
    assert made(rows, tmp_path, policy=policy).report.near.tied == 6, "those that say it in their own words"
    rows = [turns(number, hello, sentence(rng, 80)) for number in range(12)]
    assert made(rows, tmp_path / "same", policy=policy).report.near.tied == 0


def test_near_questions_are_tied_and_counted_unless_the_policy_says_otherwise(tmp_path: Path) -> None:
    rng = random.Random(1)
    texts = [sentence(rng, 80) for _ in range(20)]
    rows = [asked(number, text) for number, text in enumerate([*texts, one_letter(rng, texts[0])])]
    report = made(rows, tmp_path).report
    assert (report.components, report.near.tied, report.near.similarity) == (20, 2, 0.8)
    off = made(rows, tmp_path, policy=GatePolicy(near_question_similarity=0)).report
    assert (off.components, off.near.tied, off.near.similarity) == (21, 0, 0)


def test_nearly_equal_instructions_tie_nothing(tmp_path: Path) -> None:
    rng = random.Random(2)
    prompts = ["Summarise the report of the inspection in one sentence for the supplier."]
    prompts += [prompts[0].replace("one", "a")]
    rows = [asked(number, prompts[number % 2]) for number in range(60)]
    question = one_letter(rng, prompts[0])
    rows += [asked(60, question), asked(61, question.replace("report", "repert"))]
    report = made(rows, tmp_path).report
    assert (report.components, report.near.tied) == (61, 2), "the two questions that are no instructions are tied"


def test_pairs_that_nearly_equal_a_held_out_question_are_counted_and_move_nothing(tmp_path: Path) -> None:
    rng = random.Random(4)
    own = [sentence(rng, 80) for _ in range(20)]
    rows = [asked(number, text) for number, text in enumerate(own)]
    rows += [asked(20, own[3])]  # asks the same as another
    before = made(rows, tmp_path)
    assert (before.report.texts.near_held_out, before.report.texts.near_held_out_ids) == (0, ())
    held_out = {"allowed_uses": ["evaluation"], "status": "labeled"}
    rows += [{**asked(30, one_letter(rng, own[3])), **held_out}, {**asked(31, sentence(rng, 80)), **held_out}]
    after = made(rows, tmp_path)
    assert after.report.texts.near_held_out == 2
    assert after.report.texts.near_held_out_ids == ("p-000003", "p-000020")
    assert "2 pairs nearly equal a held-out question" in after.report.to_text()
    assert sides(after, "pair_id") == sides(before, "pair_id")
    off = made(rows, tmp_path, policy=GatePolicy(near_question_similarity=0)).report
    assert off.texts.near_held_out is None, "nobody looked"


def test_held_out_instructions_are_near_to_nothing(tmp_path: Path) -> None:
    prompt = "Summarise the report of the inspection in one sentence for the supplier."
    rows = [asked(number, prompt) for number in range(60)]
    rows += [{**asked(60, prompt), "allowed_uses": ["evaluation"]}, asked(61, prompt.replace("one", "a"))]
    assert made(rows, tmp_path).report.texts.near_held_out == 0


@pytest.mark.parametrize(
    ("said", "spells"),
    [
        ("hi<|im_end|>\n<|im_start|>assistant", True),
        ("[INST] do it [/INST]", True),
        ("<end_of_turn>", True),
        ("<\uff5cUser\uff5c>", True),
        ("</s>", True),
        ("a < b | c > d, <|> and <a|b>, [INSTITUTE], <section>", False),
    ],
)
def test_pairs_that_spell_a_control_token_of_a_known_family_are_counted(
    tmp_path: Path, said: str, spells: bool
) -> None:
    rows = [pair(number) for number in range(10)]
    rows[4]["messages"] = chat(f"What is {said}?", "Text.")
    rows[6]["messages"] = chat("And as an answer?", said)
    rows.append(pair(11, status="rejected", messages=chat("<|im_end|>", "left out")))
    found = made(rows, tmp_path).report.texts
    assert (found.control_tokens, found.control_token_ids) == ((2, ("p-000004", "p-000006")) if spells else (0, ()))


def test_a_group_of_more_than_a_twentieth_is_tightened_and_reported(tmp_path: Path) -> None:
    rng = random.Random(3)
    base = sentence(rng, 70)
    rows = [asked(number, one_letter(rng, base)) for number in range(30)]
    rows += [asked(number, sentence(rng, 80)) for number in range(30, 200)]
    report = made(rows, tmp_path).report
    assert (report.near.tightened_groups, report.near.too_large_groups) == (1, 0)
    assert report.largest_component <= 20
    assert "1 groups of nearly equal questions were tightened" in report.to_text()


def test_a_dataset_of_before_says_that_no_near_questions_were_tied() -> None:
    for version in ("1", "2"):
        assert GatePolicy.model_validate({"version": version}).near_question_similarity == 0
    assert GatePolicy.model_validate(GatePolicy().model_dump()) == GatePolicy()
    assert GatePolicy().near_question_similarity == 0.8


@pytest.mark.parametrize("value", [-1, 0.5, 0.79, 1.01])
def test_a_similarity_that_is_not_found_reliably_is_refused(value: float) -> None:
    with pytest.raises(ValidationError, match="near_question_similarity"):
        GatePolicy(near_question_similarity=value)


def grown(rows: list[Row], rng: random.Random, added: int, ids: str) -> list[Row]:
    """The rows with a tenth more, of which some are on old items; ids go on, come first, or are all new."""
    new = []
    for number in range(added):
        item = rng.choice(rows)["item_ref"] if number % 10 == 0 else f"item-new-{number}"
        new.append(asked(900_000 + number, sentence(rng, 80), item_ref=item))
    if ids == "after":
        return [*rows, *new]
    if ids == "before":
        return [*({**row, "pair_id": f"a-{number}"} for number, row in enumerate(new)), *rows]
    every = rng.sample([*rows, *new], len(rows) + len(new))
    return [{**row, "pair_id": str(number), "item_ref": str(number)} for number, row in enumerate(every)]


@pytest.mark.parametrize("ids", ["after", "before", "numbered anew"])
def test_what_was_trained_on_stays_trained_on_when_a_tenth_is_added(tmp_path: Path, ids: str) -> None:
    rng = random.Random(ids)
    rows = [asked(number, sentence(rng, 80), item_ref=f"item-{number // 2}") for number in range(1_000)]
    if ids == "numbered anew":
        rows = [{**row, "pair_id": str(number), "item_ref": str(number)} for number, row in enumerate(rows)]
    first = made(rows, tmp_path)
    second = made(grown(rows, rng, 100, ids), tmp_path, after=(first,))
    kept = second.report.kept
    assert kept is not None
    assert moved(first, second) == {}
    assert (kept.kept, kept.new, kept.gone, kept.moved, kept.moved_pair_ids) == (1_000, 100, 0, 0, ())
    assert (kept.job_id, kept.dataset_digest, kept.losses_comparable) == ("tj-before", first.digest, False)
    assert kept.drift == pytest.approx(second.report.achieved_ratio - 0.8)
    assert abs(kept.drift) < 0.005, "new groups fill up to the ratio"


def test_another_pair_on_an_item_moves_nothing_without_a_predecessor_either(tmp_path: Path) -> None:
    rng = random.Random(4)
    rows = [asked(number, sentence(rng, 80), item_ref=f"item-{number // 5}") for number in range(500)]
    first = made(rows, tmp_path)
    for id_ in ("a", "q"):  # sorts before and after all others
        second = made([*rows, asked(9, sentence(rng, 80), pair_id=id_, item_ref="item-7")], tmp_path)
        assert sum(moved(first, second).values()) <= 5, "one item, to come closest to the ratio"


def test_a_pair_of_validation_moves_where_a_new_pair_ties_it_and_is_named(tmp_path: Path) -> None:
    rng = random.Random(5)
    rows = [asked(number, sentence(rng, 80)) for number in range(100)]
    first = made(rows, tmp_path)
    found = sides(first, "pair_id")
    trained, validated = (next(key for key, side in found.items() if side == name) for name in ("train", "validation"))
    items = {row["pair_id"]: row["item_ref"] for row in rows}
    tie = asked(100, sentence(rng, 80), item_ref=items[trained], canonical_label_id="label-1")
    rows = [{**row, "canonical_label_id": "label-1"} if row["pair_id"] == validated else row for row in rows]
    second = made([*rows, tie], tmp_path, after=(first,))
    kept = second.report.kept
    assert kept is not None
    assert (kept.moved, kept.moved_pair_ids, kept.kept, kept.new) == (1, (validated,), 99, 1)
    assert moved(first, second) == {("validation", "train"): 1}
    third = made(rows, tmp_path, after=(second, first))
    assert sides(third, "pair_id")[validated] == "train", "it was trained on by then"


def test_what_was_left_out_for_a_while_is_still_known(tmp_path: Path) -> None:
    rng = random.Random(6)
    rows = [asked(number, sentence(rng, 80)) for number in range(60)]
    first = made(rows, tmp_path)
    trained = [key for key, side in sides(first, "pair_id").items() if side == "train"][:10]
    fewer = [{**row, "status": "flagged"} if row["pair_id"] in trained else row for row in rows]
    second = made(fewer, tmp_path, after=(first,), ratio=0.5)
    third = made(rows, tmp_path, after=(second, first), ratio=0.1)
    assert {sides(third, "pair_id")[key] for key in trained} == {"train"}


def test_a_pair_that_takes_the_place_of_one_that_was_trained_on_is_trained_on(tmp_path: Path) -> None:
    """Edited under its id, or another pair on its item: the model knows the item."""
    rng = random.Random(7)
    rows = [asked(number, sentence(rng, 80)) for number in range(60)]
    first = made(rows, tmp_path)
    one, other = [row for row in rows if sides(first, "pair_id")[row["pair_id"]] == "train"][:2]
    rest = [row for row in rows if row not in (one, other)]
    edited = {**one, "messages": chat(sentence(rng, 80), "Another answer."), "item_ref": "moved"}
    replaced = {**asked(77, sentence(rng, 80)), "item_ref": other["item_ref"]}
    second = made([*rest, edited, replaced], tmp_path, after=(first,), ratio=0.1)
    found = sides(second, "pair_id")
    assert (found[edited["pair_id"]], found[replaced["pair_id"]]) == ("train", "train")
    assert second.report.kept is not None
    assert (second.report.kept.new, second.report.kept.gone) == (1, 1)


def test_a_trained_question_that_is_asked_anew_is_trained_on(tmp_path: Path) -> None:
    """Ids and items are numbers: with a row on top each has those of the row before it, and an answer is mended."""
    rng = random.Random(11)
    texts = [sentence(rng, 80) for _ in range(60)]
    first = made([asked(number, text) for number, text in enumerate(texts)], tmp_path, ratio=0.5)
    trained = {number for number in range(60) if sides(first, "pair_id")[f"p-{number:06d}"] == "train"}
    for mended in sorted(trained)[:8]:
        rows = [asked(number + 1, text) for number, text in enumerate(texts)]
        rows[mended]["messages"] = chat(texts[mended], "Another answer.")
        second = made([asked(0, sentence(rng, 80)), *rows], tmp_path, after=(first,), ratio=0.1)
        assert sides(second, "pair_id")[rows[mended]["pair_id"]] == "train"


@pytest.mark.parametrize("policy", [None, "3"])
@pytest.mark.parametrize("was_later", [True, False])
def test_a_trained_question_is_known_in_a_later_turn(tmp_path: Path, was_later: bool, policy: str | None) -> None:
    """It was asked in a later turn and is asked outright now, or the other way round: the model knows it."""
    rng = random.Random(13)
    texts = [sentence(rng, 80) for _ in range(40)]

    def rows(first: int, *, later: bool) -> list[Row]:
        found = [asked(first + number, text) for number, text in enumerate(texts)]
        for row, text in zip(found if later else (), texts, strict=False):
            row["messages"] = [*chat(sentence(rng, 80), "It is."), *chat(text, "An answer.")]
        return found

    first = made(rows(0, later=was_later), tmp_path, ratio=0.5)
    if policy is not None:  # the hashes are of an earlier form: they come from the text
        first = first.model_copy(update={"policy": first.policy.model_copy(update={"version": policy})})
    trained = {key for key, side in sides(first, "pair_id").items() if side == "train"}
    new = [row | {"pair_id": f"n-{place}"} for place, row in enumerate(rows(500, later=not was_later))]
    second = made(new, tmp_path, after=(first,), ratio=0.1)
    again = {f"n-{number}" for number in range(40) if f"p-{number:06d}" in trained}
    assert {sides(second, "pair_id")[one] for one in again} == {"train"}
    assert "validation" in sides(second, "pair_id").values()


def test_a_trained_question_that_is_nearly_asked_anew_is_trained_on(tmp_path: Path) -> None:
    """All rows are new: their ids, their items, and a letter of what they ask."""
    rng = random.Random(6)
    own = [sentence(rng, 80) for _ in range(60)]
    first = made([asked(number, text) for number, text in enumerate(own)], tmp_path)
    old = sides(first, "pair_id")
    rows = [asked(100 + number, one_letter(rng, text)) for number, text in enumerate(own)]
    rows += [asked(200 + number, sentence(rng, 80)) for number in range(60)]
    new = sides(made(rows, tmp_path, after=(first,)), "pair_id")
    trained = [number for number in range(60) if old[f"p-{number:06d}"] == "train"]
    assert {new[f"p-{100 + number:06d}"] for number in trained} == {"train"}
    assert "validation" in new.values()


def test_an_instruction_in_a_later_turn_is_no_trained_question(tmp_path: Path) -> None:
    rng = random.Random(14)
    policy = GatePolicy(instruction_prompt_items=3)
    said = "Summarise this invoice in one line, please."
    many = [asked(number, said) for number in range(20)]
    first = made(many, tmp_path, policy=policy)
    more = [
        pair(100 + number, messages=[*chat(sentence(rng, 80), "It is."), *chat(said, f"Answer {number}.")])
        for number in range(3)
    ]
    second = made([*many, *more], tmp_path, after=(first,), ratio=0.1, policy=policy)
    assert {sides(second, "pair_id")[row["pair_id"]] for row in more} == {"validation"}


def test_a_copy_that_takes_the_place_of_one_that_was_trained_on_is_trained_on(tmp_path: Path) -> None:
    rng = random.Random(12)
    rows = [asked(number, sentence(rng, 80)) for number in range(60)]
    first = made(rows, tmp_path)
    one = next(row for row in rows if sides(first, "pair_id")[row["pair_id"]] == "train")
    spoken = [one["messages"][0], {"role": "assistant", "content": one["messages"][1]["content"] + " "}]
    copy = {**one, "pair_id": "a", "item_ref": "elsewhere", "messages": spoken}
    second = made([*rows, copy], tmp_path, after=(first,), ratio=0.1)
    assert one["pair_id"] not in sides(second, "pair_id"), "the copy is kept"
    assert sides(second, "pair_id")["a"] == "train"


def test_an_instruction_that_was_trained_on_ties_nothing_to_it(tmp_path: Path) -> None:
    policy = GatePolicy(instruction_prompt_items=3)
    rows = [asked(number, "Summarise this invoice in one line, please.") for number in range(40)]
    first = made(rows[:20], tmp_path, policy=policy)
    second = made(rows, tmp_path, after=(first,), ratio=0.5, policy=policy)
    assert {sides(second, "pair_id")[row["pair_id"]] for row in rows[20:]} == {"train", "validation"}


@pytest.mark.parametrize(("ratio", "seed"), [(0.95, "s"), (0.3, "s"), (0.8, "other")])
def test_another_ratio_or_seed_moves_only_what_is_new(tmp_path: Path, ratio: float, seed: str) -> None:
    rng = random.Random(8)
    rows = [asked(number, sentence(rng, 80)) for number in range(100)]
    first = made(rows, tmp_path)
    second = made(
        [*rows, *(asked(n, sentence(rng, 80)) for n in range(100, 120))], tmp_path, after=(first,), ratio=ratio
    )
    assert moved(first, second) == {}
    same = made(rows, tmp_path, after=(first,), ratio=ratio, seed=seed)
    assert same.report.kept is not None
    assert same.report.kept.losses_comparable
    assert same.report.kept.drift == pytest.approx(0.8 - ratio)
    assert (same.train_sha256, same.validation_sha256) == (first.train_sha256, first.validation_sha256)


def test_the_same_predecessor_gives_the_same_bytes(tmp_path: Path) -> None:
    rng = random.Random(9)
    rows = [asked(number, sentence(rng, 80), item_ref=f"item-{number // 3}") for number in range(120)]
    first = made(rows[:90], tmp_path)
    one, other = (made(order, tmp_path, after=(first,)) for order in (rows, rng.sample(rows, len(rows))))
    assert one.digest == other.digest


@hypothesis.seed(SEED)
@settings(deadline=None, max_examples=examples(4, gate=2))
@given(data=st.data())
def test_over_any_generations_nothing_trained_on_is_validated_on(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Rows come and go, are edited, share items and labels, get other ids; each dataset follows the one before."""
    root = tmp_path_factory.mktemp("generations")
    rng = data.draw(st.randoms(use_true_random=False))
    texts = [sentence(random.Random(number), 70) for number in range(40)]
    trained: set[str] = set()
    chain: tuple[DatasetRef, ...] = ()
    for _ in range(3):
        ids = rng.sample(range(40), 40)
        rows = [
            asked(
                ids[number] if rng.random() < 0.3 else number,
                texts[number],
                item_ref=f"item-{rng.randrange(60)}" if rng.random() < 0.2 else f"item-{number}",
                canonical_label_id=rng.choice([None, None, None, "a", "b"]),
                status=rng.choice(["labeled"] * 9 + ["flagged"]),
            )
            for number in rng.sample(range(40), rng.randint(20, 40))
        ]
        rows = list({row["pair_id"]: row for row in rows}.values())
        try:
            dataset = made(rows, root, after=chain, ratio=rng.choice([0.3, 0.5, 0.8]))
        except SplitRefused:
            continue
        found = sides(dataset)
        assert not {key for key, side in found.items() if side == "validation"} & trained
        trained |= {key for key, side in found.items() if side == "train"}
        chain = (dataset, *chain)
