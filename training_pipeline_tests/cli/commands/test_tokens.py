from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner, Result

from training_pipeline.auth.token_format import id_of
from training_pipeline.auth.tokens import ApiTokens, RevokedToken
from training_pipeline.cli.commands import tokens as command
from training_pipeline.domain.access import Role
from training_pipeline.domain.errors import InvalidRequest, NotFound
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.training_jobs.store.jobs import JobStore


@pytest.fixture
def tokens(settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch) -> ApiTokens:
    """The tokens of the installation that the command finds in the environment."""
    monkeypatch.setenv("TRAINING_PIPELINE_STATE_DIR", str(settings.state_dir))
    monkeypatch.setenv("TRAINING_PIPELINE_DATABASE_URL", database.url("public"))
    monkeypatch.setenv("COLUMNS", "200")
    return ApiTokens(JobStore(database.engine(pooled=False)))


def run(*arguments: str) -> Result:
    done = CliRunner().invoke(command.app, arguments)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_a_token_is_shown_once_and_can_be_piped(tokens: ApiTokens) -> None:
    done = run("create", "ada", "--role", "operator", "--days", "30")
    secret = done.stdout.strip()
    assert done.stdout == f"{secret}\n"
    assert tokens.caller_of(secret).role is Role.OPERATOR
    assert f"Token {id_of(secret)} of ada, operator, valid until" in done.stderr
    assert "set TRAINING_PIPELINE_AUTH=token" in done.stderr
    listed = run("list").output + run("list", "--json").output + run("revoke", str(id_of(secret)), "--json").output
    assert secret[-20:] not in listed
    (token,) = tokens.list()
    assert (token.expires_at - token.created_at).days == 30


def test_what_there_is_is_listed(tokens: ApiTokens) -> None:
    assert "No tokens yet" in run("list").output
    made = json.loads(run("create", "ada", "--json").stdout)
    assert (made["name"], made["role"], made["state"]) == ("ada", "viewer", "active")
    assert tokens.caller_of(made["token"]).name == "ada"
    run("revoke", made["id"])
    run("create", "ci", "--role", "admin")
    rows = [re.split(r"  +", line.strip()) for line in run("list").output.splitlines()[1:]]
    assert [(row[1], row[2], row[3]) for row in rows] == [("ci", "admin", "active"), ("ada", "viewer", "revoked")]
    listed = json.loads(run("list", "--json").stdout)["tokens"][1]
    later = {name: listed[name] for name in ("state", "revoked_at", "revoked_by", "last_used_at")}
    assert listed == {name: value for name, value in (made | later).items() if name != "token"}
    assert None not in later.values()


def test_tokens_are_revoked_by_id_or_by_name(tokens: ApiTokens) -> None:
    secrets = [run("create", "ada").stdout.strip() for _ in range(3)]
    assert run("revoke", str(id_of(secrets[0]))).output == f"Token {id_of(secrets[0])} of ada is revoked.\n"
    with pytest.raises(RevokedToken):
        tokens.caller_of(secrets[0])
    assert run("revoke", "--all-of", "ada").output.count("is revoked") == 2
    assert run("revoke", "--all-of", "ada").output == "Every token of ada was revoked already.\n"
    with pytest.raises(NotFound):
        run("revoke", "000000000000")
    for arguments in ([], ["x", "--all-of", "ada"]):
        with pytest.raises(InvalidRequest, match="Give the id of one token"):
            run("revoke", *arguments)


@pytest.mark.parametrize(
    "arguments", [["ada", "--role", "root"], ["ada", "--days", "0"], ["ada", "--days", "99999"], []]
)
def test_wrong_usage(tokens: ApiTokens, arguments: list[str]) -> None:
    assert run("create", *arguments).exit_code == 2
    assert tokens.list() == []
