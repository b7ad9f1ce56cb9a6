"""The playground: one question to a model version."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from training_pipeline.api.deps import client_for
from training_pipeline.api.routes.model_versions import Name, Version
from training_pipeline.client.local import LocalClient
from training_pipeline.schemas.playground import AskModelVersion, PlaygroundAnswers

router = APIRouter(tags=["model versions"])


@router.post("/model-versions/{name}/{version}/ask", operation_id="askModelVersion", responses={404: {}, 409: {}})
def ask_model_version(
    client: Annotated[LocalClient, client_for(LocalClient.ask)],
    name: Name,
    version: Version,
    body: AskModelVersion,
) -> PlaygroundAnswers:
    """Ask a model version, its base model and the champion one question. Nothing is kept or logged.

    A person asks one at a time, and waits for their turn while others ask. 409 for a second question meanwhile, for one
    whose turn does not come in time, and for a version that is withdrawn, or tainted without the decision to accept the
    risk.
    """
    return client.ask(name, version, body)
