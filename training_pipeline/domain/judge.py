"""A judge: a model elsewhere that says of an answer whether it is right, by the name that an admin gave it."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from training_pipeline.domain.loopback import leads_here

#: What a judge may be called.
JUDGE_NAME: Final = r"^[a-z0-9][a-z0-9_.-]{0,62}$"
#: What its model may be called: an answer that names its model otherwise is recorded as of no known one.
MODEL_NAME: Final = r"^[A-Za-z0-9@][A-Za-z0-9_./:@+-]{0,127}$"
#: What a judge may be called, or nothing.
JUDGE_NAME_OR_NONE: Final = rf"^({JUDGE_NAME[1:-1]})?$"

#: Variables whose names begin so stay with this program.
_WITHHELD: Final = ("TRAINING_PIPELINE_", "DAGSTER_", "MLFLOW_", "DATABRICKS_", "PG")


def _address(url: str) -> str:
    """The URL without a slash at its end; nobody but the endpoint reads what is sent there. The URL is not quoted."""
    parts = urlsplit(url.strip())
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not contain a user or password: name a variable with the key in key_env")
    if parts.query or parts.fragment or any(letter.isspace() for letter in url.strip()):
        raise ValueError("must not contain ?, # or blanks: it ends as in https://host/v1")
    if parts.scheme != "https" and not (parts.scheme == "http" and leads_here(parts.hostname or "")):
        raise ValueError("must begin with https://, or with http:// and an address of this machine, such as 127.0.0.1")
    if not parts.hostname or parts.port == 0:
        raise ValueError("must name a host, as in https://host/v1")
    return url.strip().rstrip("/")


def _reaches(name: str) -> str:
    """The name of a variable that the program which asks the judge has."""
    if name.startswith(_WITHHELD):
        raise ValueError(f"must not begin with {', '.join(_WITHHELD)}: such variables do not reach the program")
    return name


class JudgeEndpoint(BaseModel):
    """An OpenAI-compatible endpoint: `url` is what /chat/completions is put after, `key_env` names the variable with
    its key. An answer takes at most `seconds`, and `at_once` are asked for at the same time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: Annotated[str, Field(max_length=2000), AfterValidator(_address)]
    model: Annotated[str, Field(pattern=MODEL_NAME)]
    key_env: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,127}$"), AfterValidator(_reaches)] | None = None
    seconds: Annotated[float, Field(gt=0, le=600)] = 60.0
    at_once: Annotated[int, Field(ge=1, le=32)] = 4
    max_tokens: Annotated[int, Field(ge=16, le=16_384)] = 256
