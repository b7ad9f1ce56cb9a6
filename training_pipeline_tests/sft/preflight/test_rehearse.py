from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training_pipeline.sft.config import Config, parse
from training_pipeline.sft.errors import BAD_CONFIG, SUCCEEDED, TrainingFailed
from training_pipeline.sft.preflight.findings import CONTROL_TOKENS, CUT, CUT_OFF, REFUSED
from training_pipeline.sft.preflight.rehearse import Rehearsal, main, rehearse
from training_pipeline.sft.run_dir import RunDir
from training_pipeline.sft.training.prepare import prepare
from training_pipeline.testing.servers.hub import hub_copy
from training_pipeline.testing.trainers.trainer_runs import new_run


def pair(question: str, answer: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer, **more}]}


def config_of(folder: Path, base_model: Path, rows: list[dict[str, Any]], **settings: Any) -> Config:
    run = new_run(folder, rows, base_model=str(base_model), max_length=40, **settings)
    cut = len(rows) * 4 // 5
    ids = [f"p-{number}" for number in range(len(rows))]
    sides = ["train" if number < cut else "validation" for number in range(len(rows))]
    pq.write_table(pa.table({"pair_id": ids, "split": sides}), folder / "manifest.parquet")
    return parse(run.config | {"manifest_file": str(folder / "manifest.parquet")})


def test_what_is_sound_is_found_sound(tiny_folder: Path, tmp_path: Path) -> None:
    config = config_of(tmp_path, tiny_folder, [pair("a?", "b")] * 10)
    found = rehearse(config)
    assert (found.findings, found.unknown_tokens) == ([], 0)
    assert sum(found.lengths.values()) == 10
    assert not config.run_dir.exists()


def test_tokens_are_counted_as_the_trainer_counts_them(tiny_folder: Path, tmp_path: Path) -> None:
    config = config_of(tmp_path, tiny_folder, [pair("a?", "b"), pair("a?", "word " * 30), *[pair("a?", "b")] * 8])
    prepared = prepare(config, _run(config), lambda _: None)
    counts = (prepared.train_counts, prepared.validation_counts)
    rehearsed = rehearse(config)
    of_trainer = (prepared.recipe["tokenizer_sha256"], prepared.recipe["chat_template_sha256"])
    assert (rehearsed.tokenizer_sha256, rehearsed.chat_template_sha256) == of_trainer
    found = rehearsed.lengths
    assert max(found) == max(one.longest for one in counts)
    assert sum(count for length, count in found.items() if length > 40) == sum(one.truncated for one in counts)
    assert sum(min(length, 40) * count for length, count in found.items()) == sum(one.tokens for one in counts)


def test_the_copy_of_the_hub_on_this_machine_is_asked_and_no_network(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("the network was asked"))
    rows = [pair("a?", "b"), pair("a?", "word " * 30), *[pair("a?", "b")] * 8]
    config = config_of(tmp_path, tiny_folder, rows)
    here, asked = rehearse(config), replace(config, base_model="owner/name")
    assert rehearse(asked) == Rehearsal()
    copy = hub_copy(tmp_path / "hub", "owner/name", tiny_folder)
    assert rehearse(asked) == here
    assert rehearse(replace(asked, base_model_revision=copy.name)) == here
    assert rehearse(replace(asked, base_model_revision="c" * 40)) == Rehearsal()
    (copy / "chat_template.jinja").unlink()  # the Hub may have one: nobody knows what would be refused
    assert rehearse(asked) == Rehearsal()
    absent = copy.parents[1] / ".no_exist" / copy.name / "chat_template.jinja"
    absent.parent.mkdir(parents=True)
    absent.touch()
    assert rehearse(asked) == rehearse(replace(config, base_model=str(copy)))


@pytest.mark.parametrize(("token", "unknown"), [("b", 2), ("<|im_end|>", 0)])
def test_characters_that_the_vocabulary_does_not_have(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str, unknown: int
) -> None:
    """A token that ends answers stands for no unknown character, whatever the tokenizer calls it."""
    base = tmp_path / "base"
    shutil.copytree(tiny_folder, base)
    settings = json.loads((base / "tokenizer_config.json").read_text())
    (base / "tokenizer_config.json").write_text(json.dumps({**settings, "unk_token": token}))
    rows = [*[pair("a?", "b")] * 2, *[pair("a?", "c")] * 8]
    assert rehearse(config_of(tmp_path, base, rows)).unknown_tokens == unknown


def test_what_the_trainer_refuses_and_cuts_is_found_with_the_pairs(tiny_folder: Path, tmp_path: Path) -> None:
    rows = [pair("a?", "b") for _ in range(10)]
    rows[2] = rows[9] = pair("a?", "word " * 60)
    rows[3] = rows[5] = pair("long " * 60, "b")
    config = config_of(tmp_path, tiny_folder, rows)
    found = {finding.code: finding for finding in rehearse(config).findings}
    assert found[CUT].pair_ids == ["p-2", "p-9"]
    assert found[CUT_OFF].pair_ids == ["p-3", "p-5"]
    with pytest.raises(TrainingFailed, match="pairs 'p-3', 'p-5'"):
        prepare(config, _run(config), lambda _: None)


def test_control_tokens_in_texts_are_counted_by_the_tokenizer_itself(tiny_folder: Path, tmp_path: Path) -> None:
    rows = [pair("a?", "b") for _ in range(10)]
    rows[4] = pair("a<|im_end|>?", "b")
    rows[6] = pair("a<|eot_id|>?", "b")  # plain text for this one
    (found,) = rehearse(config_of(tmp_path, tiny_folder, rows)).findings
    assert (found.code, found.count, found.pair_ids) == (CONTROL_TOKENS, 1, ["p-4"])


def test_pairs_that_the_template_cannot_write_are_all_found(tiny_folder: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny_folder, base)
    template = base / "chat_template.jinja"
    refusing = "{%- if message['role'] == 'system' -%}{{ raise_exception('no') }}{%- endif -%}"
    loop = "{%- for message in messages -%}"
    template.write_text(template.read_text().replace(loop, loop + refusing, 1))
    system = {"role": "system", "content": "Secret."}
    rows = [pair("a?", "b") for _ in range(10)]
    for number in (1, 4, 8):
        rows[number] = {"messages": [system, *rows[number]["messages"]]}
    config = config_of(tmp_path, base, rows)
    findings = rehearse(config).findings
    assert [finding.code for finding in findings] == [REFUSED, REFUSED]  # in train_file and in validation_file
    assert [finding.pair_ids for finding in findings] == [["p-1", "p-4"], ["p-8"]]
    assert "Secret" not in str(findings)
    with pytest.raises(TrainingFailed, match="pair 'p-1'"):
        prepare(config, _run(config), lambda _: None)


def test_more_tokens_than_the_model_has_positions(tiny_folder: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny_folder, base)
    (base / "config.json").write_text(json.dumps({"n_positions": 39}))
    (finding,) = rehearse(config_of(tmp_path, base, [pair("a?", "b")] * 10)).findings
    assert finding.code == REFUSED
    assert "max_length 40 is more than the 39 positions" in finding.message


def test_pairs_that_could_not_be_asked_are_found(tiny_folder: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny_folder, base)
    template = base / "chat_template.jinja"
    unasked = "add_generation_prompt and messages[-1]['role'] == 'system'"
    template.write_text(f"{{%- if {unasked} -%}}{{{{ raise_exception('no') }}}}{{%- endif -%}}{template.read_text()}")
    rows = [pair("a?", "b") for _ in range(60)]
    for number in (1, 49, 50, 59):
        rows[number] = {"messages": [{"role": "system", "content": "Secret."}, rows[number]["messages"][1]]}
    findings = rehearse(config_of(tmp_path, base, rows)).findings
    assert [(finding.code, finding.pair_ids) for finding in findings] == [
        (REFUSED, ["p-1"]),
        (REFUSED, ["p-49", "p-50", "p-59"]),
    ]
    assert all("cannot ask for the last answer" in finding.message for finding in findings)


def test_a_base_model_that_is_refused_is_told_and_one_elsewhere_is_not_asked_for(
    tiny_folder: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny_folder, base)
    (base / "chat_template.jinja").write_text("{%- for m in messages -%}{{ m['content'] }}{%- endfor -%}")
    rows = [pair("a?", "b")] * 10
    (finding,) = rehearse(config_of(tmp_path, base, rows)).findings
    assert (finding.code, finding.count) == (REFUSED, 1)
    (base / "tokenizer.json").write_text("{")
    assert "cannot be loaded" in rehearse(config_of(tmp_path, base, rows)).findings[0].message
    run = new_run(tmp_path, rows)
    assert rehearse(parse(run.config)) == Rehearsal()


def test_values_that_the_saved_model_could_not_have_are_refused(tiny_folder: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny_folder, base)
    generation = base / "generation_config.json"
    rows = [pair("a?", "b")] * 10
    generation.write_text(json.dumps({"eos_token_id": 2, "temperature": 0.9}))
    assert rehearse(config_of(tmp_path, base, rows)).findings == []
    generation.write_text(json.dumps({"forced_eos_token_id": 2, "suppress_tokens": [2]}))
    (finding,) = rehearse(config_of(tmp_path, base, rows)).findings
    assert finding.code == REFUSED
    assert "generation_config.json" in finding.message


def test_the_program_prints_what_it_found(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = config_of(tmp_path, tiny_folder, [pair("long " * 60, "b"), *[pair("a?", "b")] * 9])
    path = tmp_path / "config.json"
    named = {key: value for key, value in config.as_json().items() if key != "mlflow"}
    path.write_text(json.dumps({**named, "schema": 1}))
    assert main([str(path)]) == SUCCEEDED
    told = json.loads(capsys.readouterr().out)
    (finding,) = told["findings"]
    assert sum(told["lengths"].values()) == 10
    assert (finding["code"], finding["count"], finding["pair_ids"]) == (CUT_OFF, 1, ["p-0"])
    assert main([]) == BAD_CONFIG


def _run(config: Config) -> RunDir:
    run = RunDir(config.run_dir)
    run.create()
    return run
