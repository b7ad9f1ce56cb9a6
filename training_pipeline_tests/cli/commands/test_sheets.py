from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from training_pipeline.cli.commands.sheets import app
from training_pipeline.domain.errors import InvalidRequest, NotFound, SheetUnreadable
from training_pipeline.testing.saved_datasets import save_splits

STATED = [
    *("--status", "labeled", "--allow", "training", "--allow", "validation", "--prohibit", "none"),
    *("--classification", "public", "--sheet-status", "approved", "--source-name", "Sums", "--template-name", "plain"),
]


@pytest.fixture(autouse=True)
def _installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINING_PIPELINE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, [*arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def foreign(lines: int = 3) -> str:
    rows = [{"question": f"{number}+{number}?", "answer": f"#### {2 * number}"} for number in range(lines)]
    Path("sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return "sums.jsonl"


def test_list_has_the_sample_and_names_what_cannot_be_read(tmp_path: Path) -> None:
    assert "Document triage" in run("list").stdout
    broken = tmp_path / "state" / "sheets" / "mine.yaml"
    broken.parent.mkdir(parents=True)
    broken.write_text("name: x")
    listing = run("list").stdout
    assert "cannot be read, run: training-pipeline sheets check mine" in listing
    assert "mine.yaml, /status field required" in listing
    listed = json.loads(run("list", "--json").stdout)
    assert ([sheet["id"] for sheet in listed["training_sheets"]], listed["unreadable"]) == (["sheet-123"], ["mine"])


@pytest.mark.usefixtures("installed")
def test_import_then_show_preview_and_check() -> None:
    done = run("import", foreign(), "--id", "sums", *STATED)
    assert "has 3 pairs" in done.stdout
    assert json.loads(run("show", "sums", "--json").stdout)["export_summary"]["eligible"] == 3
    assert len(run("preview", "sums").stdout.splitlines()) == 3
    checked = run("check", "sums")
    assert (checked.exit_code, "3 rows, 0 errors, 0 warnings." in checked.stdout) == (0, True)


def test_import_says_what_is_wrong_with_the_rows() -> None:
    Path("x.jsonl").write_text('{"question": "q", "answer": " ", "colour": 1}\n{"question": "q", "answer": "a"}\n')
    text = run("import", "x.jsonl", "--id", "x", *STATED).stdout
    assert "JSONL (one JSON object a line), read as a table of questions and answers" in text
    assert "Columns not imported: colour (1)" in text
    assert "x.jsonl, line 1, answer" in text
    assert "1 errors and 0 warnings in its rows." in text
    assert "including duplicate examples: training-pipeline sheets check x" in text


@pytest.mark.usefixtures("installed")
def test_a_sheet_that_may_not_be_trained_on_says_so() -> None:
    stated = [word if word != "approved" else "review" for word in STATED]
    run("import", foreign(), "--id", "sums", *stated)
    assert "cannot be trained on until it is approved" in run("show", "sums").stdout
    assert "cannot be trained on" in run("preview", "sums").stderr


def test_nothing_is_approved_or_allowed_by_default() -> None:
    with pytest.raises(InvalidRequest, match="--status: is not stated"):
        run("import", foreign(), "--id", "sums")


def test_check_reports_and_exits_with_one() -> None:
    Path("bad.jsonl").write_text('{"pair_id": tru}\n{"pair_id": "1", "item_ref": "i", "status": "done"}\n')
    result = run("check", "bad.jsonl")
    assert result.exit_code == 1
    for expected in ("broken_json", "unknown_status", "missing_column", "2 rows,"):
        assert expected in result.stdout
    shown = json.loads(run("check", "bad.jsonl", "--json", "--limit", "2").stdout)
    assert (shown["rows"], len(shown["problems"])) == (2, 2)
    assert shown["not_shown"] == shown["errors"] + shown["warnings"] - 2 == sum(shown["counts"].values()) - 2


def test_check_takes_a_sheet_by_any_of_its_files() -> None:
    run("import", foreign(), "--id", "sums", *STATED)
    for name in ("sums.yaml", next(Path("state/sheets").glob("sums@*.parquet")).name):
        assert run("check", f"state/sheets/{name}").exit_code == 0


@pytest.mark.usefixtures("installed")
def test_what_is_not_there() -> None:
    with pytest.raises(NotFound, match=r"no file nothing\.jsonl"):
        run("check", "nothing.jsonl")
    with pytest.raises(NotFound, match="There are: sheet-123"):
        run("show", "nothing")


def test_a_broken_head_is_named_by_field() -> None:
    Path("x.yaml").write_text("name: x\n")
    Path("x.jsonl").write_text("{}\n")
    for name in ("x.yaml", "x.jsonl"):
        with pytest.raises(SheetUnreadable, match=r"x\.yaml, /status: field required"):
            run("check", name)


@pytest.mark.usefixtures("installed")
def test_a_csv_with_yes_and_no_is_mapped_saved_and_read_again() -> None:
    Path("a.csv").write_text("Frage;Antwort;ok;approved_by\nq?;a;yes;Ann\nz?;b;no;Bo\n")
    stated = [word for word in STATED if word not in ("--allow", "training", "validation")]
    mapping = [*("--question-column", "Frage", "--answer-column", "Antwort", "--allowed-uses-column", "ok")]
    mapping += ["--reviewed-by-column", "approved_by"]
    with pytest.raises(InvalidRequest, match=r"'yes' \(1\), 'no' \(1\)"):
        run("import", "a.csv", "--id", "a", *stated, *mapping)
    mapping += ["--map-value", "allowed_uses:yes=training,validation", "--map-value", "allowed_uses:no="]
    done = json.loads(
        run("import", "a.csv", "--id", "a", *stated, *mapping, "--save-mapping", "m.yaml", "--json").stdout
    )
    assert (done["kind"], done["format"], done["pairs"], done["sound"]) == ("CSV", "columns", 2, 2)
    assert json.loads(run("show", "a", "--json").stdout)["export_summary"]["eligible"] == 1
    again = run("import", "a.csv", "--id", "b", *stated, "--mapping", "m.yaml", "--dry-run")
    assert "this was a dry run" in again.stdout
    run("import", "a.csv", "--id", "b", *stated, "--mapping", "m.yaml")
    assert "Nothing changed" not in run("diff", "a", "b").stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--map-value", "yes=training"), "is not of the form COLUMN:WORD=MEANING"),
        (("--map-value", "allowed_uses:yes=trainin"), "'trainin' is not one of"),
        (("--choose", "mine"), "must be one of agree"),
        (("--mapping", "nothing.yaml"), "nothing.yaml cannot be read"),
        (("--delimiter", "ab"), "--delimiter"),
        (("--format", "mine"), "'mine' is not one of auto, label-studio"),
    ],
)
def test_options_that_mean_nothing(options: tuple[str, ...], said: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        run("import", foreign(), "--id", "a", *STATED, *options)
    assert said in str(caught.value)


def test_check_reads_what_is_no_sheet_yet() -> None:
    Path("a.json").write_text(json.dumps([{"prompt": "q", "completion": "a"}, {"prompt": "q", "completion": None}]))
    checked = run("check", "a.json")
    assert checked.exit_code == 1
    assert "read as prompts and completions (rows have `prompt` and `completion`)" in checked.stdout
    assert "a.json, value 2, messages[1].content" in checked.stdout
    shown = json.loads(run("check", "a.json", "--json").stdout)
    assert (shown["rows"], shown["sound"], [one["code"] for one in shown["problems"]]) == (2, 1, ["missing_content"])
    assert run("check", foreign()).exit_code == 0
    Path("b.csv").write_text("question,answer,status\nq,a,done\n")  # a status of their own makes it no sheet of ours
    checked = run("check", "b.csv")
    assert (checked.exit_code, "--status-column: the file has a column 'status' of its own" in checked.stdout) == (
        1,
        True,
    )


def test_a_folder_that_datasets_saved_is_checked_and_imported(tmp_path: Path) -> None:
    rows = [{"question": f"{number}+{number}?", "answer": f"{2 * number}"} for number in range(5)]
    save_splits(tmp_path / "sums", {"train": rows, "test": rows[:2]})
    for command in (("check", "sums"), ("import", "sums", "--id", "sums", *STATED, "--dry-run")):
        with pytest.raises(SheetUnreadable) if command[0] == "import" else nullcontext() as refused:
            result = run(*command)
        told = str(refused.value.problems) if refused else result.stdout
        assert "has the splits 'train', 'test'; name one with --split" in told
    assert run("check", "sums", "--split", "test").exit_code == 0
    done = json.loads(run("import", "sums", "--id", "sums", *STATED, "--split", "train", "--json").stdout)
    assert (done["kind"], done["pairs"], done["sound"]) == ("saved data set", 5, 5)
    with pytest.raises(InvalidRequest) as no_splits:
        run("import", foreign(), "--id", "other", *STATED, "--split", "train")
    assert [one.pointer for one in no_splits.value.problems] == ["--split"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidRequest) as other:
        run("import", "empty", "--id", "other", *STATED)
    assert "neither save_to_disk of datasets wrote" in other.value.problems[0].message


def test_versions_and_what_changed_between_them() -> None:
    run("import", foreign(3), "--id", "sums", *STATED)
    assert "No earlier version" in run("versions", "sums").stdout
    run("import", foreign(5), "--id", "sums", *STATED, "--replace")
    (version,) = json.loads(run("versions", "sums", "--json").stdout)["versions"]
    changed = json.loads(run("diff", version["name"], "sums", "--json").stdout)
    assert (changed["counts"]["added"], changed["total"]) == (2, 2)
    assert "added  2  Only the new sheet has it." in run("diff", version["name"], "sums").stdout
    with pytest.raises(NotFound, match="There is no version") as unknown:
        run("diff", "sums@000000000000", "sums")
    assert version["name"] in str(unknown.value.hint)
    run("import", foreign(6), "--id", "sums", *STATED, "--replace", "--discard-old")
    assert len(json.loads(run("versions", "sums", "--json").stdout)["versions"]) == 1


def test_a_bucket_is_read_only_where_the_settings_allow_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRAINING_PIPELINE_IMPORT_FROM", raising=False)
    with pytest.raises(InvalidRequest, match="below none of the prefixes"):
        run("import", "s3://acme/a.csv", "--id", "a", *STATED)
    with pytest.raises(InvalidRequest, match="begins with https:"):
        run("import", "https://acme.s3.amazonaws.com/a.csv", "--id", "a", *STATED)
    with pytest.raises(InvalidRequest, match=r"--table-version: .* is no table"):
        run("import", foreign(), "--id", "a", "--table-version", "3", *STATED)


@pytest.mark.usefixtures("installed")
def test_a_file_by_its_url_is_read_within_the_limits_and_gone_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    url = Path(foreign()).absolute().as_uri()
    assert "Nothing was written" in run("import", url, "--id", "sums", "--dry-run", *STATED).stdout
    assert "has 3 pairs" in run("import", url, "--id", "sums", *STATED).stdout
    shown = json.loads(run("show", "sums", "--json").stdout)
    assert shown["metadata"]["imported_from_url"] == url
    monkeypatch.setenv("TRAINING_PIPELINE_UPLOAD_MAX_ROWS", "2")
    with pytest.raises(SheetUnreadable, match="more than 2 rows") as refused:
        run("import", url, "--id", "few", *STATED)
    assert "uploads" not in refused.value.hint  # what was fetched is gone
    assert list(Path("state/uploads").iterdir()) == []
