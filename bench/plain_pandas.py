"""The data path as one writes it in plain pandas: rows as Python objects, a function a row. The same bytes come out.

Only for conversations of one turn, as the benchmark's are.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from training_pipeline.domain.manifest import MANIFEST_SCHEMA, SNAPSHOT_SCHEMA, RowsDigest
from training_pipeline.domain.rules.near.questions import NearPairs, near_pairs
from training_pipeline.domain.rules.near.ties import tie_nearly
from training_pipeline.domain.rules.plain_comparison import asked, spoken
from training_pipeline.domain.rules.policy import GATE_POLICY_VERSION
from training_pipeline.domain.rules.split import least_of, plan_split, tie
from training_pipeline.domain.rules.text.plain_form import loose, strict
from training_pipeline.domain.rules.text.white_space import WHITE_SPACE

FIELDS = ("role", "content", "name", "weight", "tool_calls", "tool_call_id")
USES = {"training", "validation", "evaluation", "few_shot", "testing"}
CLASSES = ["public", "internal", "confidential", "restricted"]
STATUS = {"": "unlabeled", "pending": "unlabeled", "approved": "labeled", "edited": "labeled"} | {
    word: word for word in ("unlabeled", "labeled", "rejected", "flagged")
}


def missing(value: Any) -> bool:
    return value is None or value != value


def blank(text: Any) -> bool:
    return missing(text) or not text.strip(WHITE_SPACE)


def trimmed(text: Any) -> str | None:
    return None if missing(text) else text.strip(" \t\n\r") or None


def rank(classification: Any) -> int | None:
    """-1 where it is not given, None where the word is unknown."""
    word = (trimmed(classification) or "").lower()
    return -1 if not word else CLASSES.index(word) if word in CLASSES else None


def is_chat(messages: Any) -> bool:
    if messages is None or not len(messages) or messages[-1]["role"] != "assistant":
        return False
    learned = False
    for index, message in enumerate(messages):
        role, weight = message["role"], message["weight"]
        if role not in {"system", "user", "assistant", "tool"} or (role == "system" and index):
            return False
        if blank(message["content"]) and not (role == "assistant" and message["tool_calls"]):
            return False
        if weight is not None and (role != "assistant" or weight not in (0, 1)):
            return False
        learned |= role == "assistant" and weight != 0
    return learned


def line_of(messages: Any) -> str:
    written = []
    for message in messages:
        fields = {name: message[name] for name in FIELDS if message[name] is not None}
        if "weight" in fields:
            fields["weight"] = int(fields["weight"])
        if "tool_calls" in fields:
            fields["tool_calls"] = json.loads(fields["tool_calls"])
        written.append(fields)
    return json.dumps({"messages": written}, ensure_ascii=False, separators=(",", ":"))


def prompt_of(messages: Any) -> str | None:
    """The questions; the last answer is none of them."""
    if messages is None or not len(messages):
        return None
    answered = messages[-1]["role"] == "assistant"
    return " ".join(asked(spoken(messages[:-1] if answered else messages))) or None


def example_of(messages: Any) -> str:
    return sha256("".join(spoken(messages)))


def copy_of(messages: Any) -> str:
    contents = (None if message["content"] is None else strict(message["content"]) for message in messages)
    return sha256(
        repr([(each["role"], text, each["tool_calls"]) for each, text in zip(messages, contents, strict=True)])
    )


def question_of(messages: Any) -> str:
    asking = messages[:-1] if messages[-1]["role"] == "assistant" else messages
    return "".join(loose(message["content"] or "") for message in asking if message["role"] != "system")


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def words(uses: Any) -> set[str] | None:
    return None if missing_list(uses) else {use.strip(" \t\n\r").lower() for use in uses}


def missing_list(uses: Any) -> bool:
    return uses is None or isinstance(uses, float)


def prepare(sheet: Path, out: Path, *, seed: str, ratio: float, items: int, similarity: float = 0.8) -> dict[str, Any]:
    """Judge, summarise, split and write; returns counts and hashes."""
    pairs = pd.read_parquet(sheet)
    allowed, prohibited = pairs["allowed_uses"].map(words), pairs["prohibited_uses"].map(words)
    of_label, not_of_label = pairs["label_allowed_uses"].map(words), pairs["label_prohibited_uses"].map(words)
    lists = list(zip(allowed, prohibited, of_label, not_of_label, strict=True))
    ranks = pairs["data_classification"].map(rank), pairs["label_data_classification"].map(rank)
    stated = (
        pd.Series(
            [
                may is not None and denied is not None and all(uses <= USES for uses in four if uses is not None)
                for four in lists
                for may, denied, *_ in [four]
            ]
        )
        & (ranks[0] >= 0)
        & ranks[1].notna()
    )
    pairs["classification"] = pd.Series(np.maximum(ranks[0].fillna(-1), ranks[1].fillna(-1))).map(
        lambda place: None if place < 0 else CLASSES[int(place)]
    )
    for column in ("usage_reason", "label_usage_reason"):
        pairs[column] = pairs[column].map(trimmed)
    usage_reason = pairs["usage_reason"].where(pairs["usage_reason"].notna(), pairs["label_usage_reason"])
    permitted = [
        ((may or set()) & (USES if label is None else label), (denied or set()) | (not_label or set()))
        for may, denied, label, not_label in lists
    ]
    uses = {use: pd.Series([use in may and use not in denied for may, denied in permitted]) for use in USES}
    trains_allowed = pd.Series(["training" in may for may, _ in permitted])
    forbidden = pd.Series(["training" in denied for _, denied in permitted])
    status = pairs["status"].map(lambda word: STATUS.get("" if missing(word) else word.strip().lower()))
    valid = (
        ~pairs["pair_id"].map(blank)
        & ~pairs["pair_id"].duplicated(keep=False)
        & ~pairs["item_ref"].map(blank)
        & status.notna()
        & pairs["messages"].map(is_chat)
    )
    reason = pd.Series(None, index=pairs.index, dtype=object)
    for name, applies in [
        ("invalid", ~valid),
        *((word, status == word) for word in ("unlabeled", "rejected", "flagged")),
        ("training_not_allowed", ~(stated & trains_allowed)),
        ("training_prohibited", forbidden),
    ]:
        reason[reason.isna() & applies] = name
    held_out = ~(stated & uses["training"]) & (uses["evaluation"] | uses["testing"])

    for column in ("item_ref", "canonical_label_id"):
        pairs[column] = pairs[column].map(trimmed)
    pairs["prompt"] = pairs["messages"].map(prompt_of)
    compared = reason.isna() | forbidden
    lines = pairs.loc[compared, "messages"].map(line_of)
    pairs["row_hash"] = lines.map(sha256)
    about = pairs.groupby("prompt")["item_ref"].nunique()
    instruction = pairs["prompt"].isin(about[about > items].index)
    suspect = reason.isna() & pairs["prompt"].isin(pairs.loc[forbidden, "prompt"])
    examples = pairs.loc[suspect | forbidden, "messages"].map(example_of)
    identical = examples[suspect].isin(examples[forbidden])
    reason[identical[identical].index] = "identical_to_prohibited"
    reserved = pairs.loc[held_out & ~instruction, "prompt"]
    reason[reason.isna() & pairs["prompt"].isin(reserved)] = "held_out_prompt"

    pairs["validates"] = stated & uses["validation"]
    pairs["copy"] = pairs.loc[reason.isna(), "messages"].map(copy_of)
    eligible = pairs[reason.isna()].sort_values("pair_id")
    all_may = eligible.groupby("copy")["validates"].transform("all")
    copies = eligible["copy"].duplicated()
    reason[copies[copies].index] = "duplicate"
    included = eligible[~copies].assign(validates=all_may)

    denied = reason.isin(["training_not_allowed", "training_prohibited"])
    reasons = pd.DataFrame({"reason": reason, "usage_reason": usage_reason.where(denied)})[reason.notna()]
    asked = included.loc[~instruction, "prompt"].value_counts()
    summary: dict[str, Any] = {
        "counts": {str(name): int(count) for name, count in reason.value_counts().items()},
        "included": len(included),
        "reasons": sorted(int(count) for count in reasons.groupby(list(reasons), dropna=False).size()),
        "classifications": counted(included["classification"]),
        "approvers": counted(included["reviewed_by"].fillna("")),
        "warnings": {
            "item_held_out": int(included["item_ref"].isin(pairs.loc[held_out, "item_ref"]).sum()),
            "prompt_with_different_answers": int((asked > 1).sum()),
            "validation_not_permitted": int((~included["validates"].astype(bool)).sum()),
            "instruction_prompt": int(pairs.loc[instruction, "prompt"].nunique()),
        },
    }
    assert sum(summary["counts"].values()) + len(included) == len(pairs)

    prompts = included["prompt"].where(~instruction)
    keys = [pd.factorize(key)[0] for key in (included["item_ref"], included["canonical_label_id"], prompts)]
    component = tie(keys)
    if similarity:
        component = tied_nearly(component, included.assign(prompt=prompts.to_numpy()), similarity)
    hashed = np.array([int(sha256(f"{seed}\n{item}")[:16], 16) for item in included["item_ref"]], dtype=np.uint64)
    order = least_of(component, hashed)
    plan = plan_split(component, order, included["validates"].to_numpy(dtype=bool), ratio=ratio, seed=seed)
    side = pd.Series(np.where(plan.validation, "validation", "train"), index=included.index)

    digests = {}
    for name in ("train", "validation"):
        content = "".join(line + "\n" for line in lines[side.index[side == name]]).encode()
        (out / f"{name}.jsonl").write_bytes(content)
        digests[name] = hashlib.sha256(content).hexdigest()
    pairs = pairs.assign(
        reason=reason,
        instruction=instruction,
        prompt_hash=pairs["prompt"],
        may_validate=False,
        gate_policy_version=GATE_POLICY_VERSION,
    )
    pairs["may_validate"] = included["validates"].reindex(pairs.index, fill_value=False)
    pairs["split"] = side.reindex(pairs.index)
    pairs["component"] = pd.Series(component, index=included.index).reindex(pairs.index).astype("Int64")
    pairs = pairs.sort_values("pair_id")
    store(pairs, SNAPSHOT_SCHEMA, out / "snapshot.parquet")
    return {**summary, **digests, "manifest": store(pairs, MANIFEST_SCHEMA, out / "manifest.parquet")}


def tied_nearly(component: np.ndarray, included: pd.DataFrame, similarity: float) -> np.ndarray:
    """The same rows, tied by the same functions: what is compared here is the data path around them."""
    first = included.assign(row=np.arange(len(included))).dropna(subset="prompt").drop_duplicates("prompt")
    texts = pa.chunked_array([first["messages"].map(question_of).tolist()], pa.string())
    near = near_pairs(texts, similarity=similarity)
    rows = first["row"].to_numpy()
    return tie_nearly(component, NearPairs(rows[near.first], rows[near.second], near.similarity)).component


def counted(column: pd.Series[Any]) -> dict[str, int]:
    return {str(name): int(count) for name, count in column.value_counts().sort_index().items()}


def store(pairs: pd.DataFrame, schema: pa.Schema, path: Path) -> str:
    """Write rows and return their digest."""
    pairs[schema.names].to_parquet(path, index=False)
    digest = RowsDigest(schema)
    digest.update(pa.Table.from_pandas(pairs[schema.names], schema, preserve_index=False))
    return digest.hexdigest()
