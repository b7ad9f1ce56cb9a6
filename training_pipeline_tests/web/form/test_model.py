from __future__ import annotations

from typing import Any

from training_pipeline.schemas.base_model import BaseModelOffer
from training_pipeline.web.form.model import facts_of, recommended


def offer(id: str, **values: Any) -> BaseModelOffer:
    unknown = dict.fromkeys(("parameters", "context_length", "licence"))
    known: dict[str, Any] = {"description": "", "accelerators": [], **unknown}
    return BaseModelOffer.model_validate({"id": id, "default": False, **known, **values})


TINY = offer("builtin:tiny", default=True, fits=True, parameters=500_000)


def test_the_model_that_tests_the_pipeline_is_recommended_only_where_no_other_fits() -> None:
    small, large = offer("/small", fits=True, parameters=10**9), offer("/large", fits=False, parameters=10**11)
    unknown = offer("/unknown")
    assert recommended([TINY]) == recommended([TINY, large, unknown]) == TINY.id
    assert recommended([TINY, small, large, unknown]) == small.id
    assert recommended([TINY, offer("/less", fits=True, parameters=10**8), small]) == small.id
    assert recommended([]) is None


def test_a_real_default_is_what_is_recommended() -> None:
    assert recommended([offer("qwen", default=True), offer("/small", fits=True, parameters=10**9)]) == "qwen"


def test_size_licence_and_whether_it_fits_are_said() -> None:
    known = offer("/small", parameters=10**9, context_length=4096, licence="apache-2.0", fits=True)
    said = ["1,000,000,000 parameters", "up to 4,096 tokens", "licence apache-2.0", "fits this machine's memory"]
    assert facts_of(known) == said
    assert facts_of(offer("/large", fits=False)) == ["too large for this machine's memory"]
    assert facts_of(offer("/unknown")) == []
    assert facts_of(TINY) == ["500,000 parameters"]
