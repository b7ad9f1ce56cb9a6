from __future__ import annotations

from dataclasses import dataclass

import pytest

from training_pipeline.client.roles import least_role, needs
from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.errors import Forbidden


@dataclass
class Shop:
    caller: Caller

    @needs(Role.OPERATOR)
    def sell(self, what: str, *, times: int = 1) -> str:
        """Sell something."""
        return f"{what} " * times

    def look(self) -> None:
        pass


def test_a_verb_is_for_its_role_and_those_above_it() -> None:
    for role in (Role.OPERATOR, Role.ADMIN):
        assert Shop(Caller("ada", role)).sell("tea", times=2) == "tea tea "
    with pytest.raises(Forbidden, match="requires the role operator; eve has the role viewer"):
        Shop(Caller("eve", Role.VIEWER)).sell("tea")


def test_a_verb_says_its_role_and_keeps_its_name() -> None:
    assert least_role(Shop.sell) is Role.OPERATOR
    assert (Shop.sell.__name__, Shop.sell.__doc__) == ("sell", "Sell something.")
    with pytest.raises(AttributeError):
        least_role(Shop.look)
