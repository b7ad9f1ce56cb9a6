"""What the import contracts in `pyproject.toml` refuse, asked with imports that nobody has written."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, Final

import grimp
import pytest
from importlinter.application.use_cases import read_user_options
from importlinter.configuration import configure
from importlinter.contracts.layers import LayersContract
from importlinter.contracts.protected import ProtectedContract

PACKAGE: Final = "training_pipeline"
ROOT: Final = Path(__file__).parents[1]
KINDS: Final = {"layers": LayersContract, "protected": ProtectedContract}

configure()
OPTIONS: Final = read_user_options(str(ROOT / "pyproject.toml"))


@cache
def modules() -> grimp.ImportGraph:
    """The imports of the package as they are."""
    return grimp.build_graph(PACKAGE, include_external_packages=True)


def packages() -> list[str]:
    """The parts that the package is made of."""
    return sorted(name.removeprefix(f"{PACKAGE}.") for name in modules().find_children(PACKAGE))


def refusing(importer: str, imported: str) -> list[str]:
    """The contracts between the parts of the package that one more import would break."""
    graph = deepcopy(modules())
    graph.add_import(importer=f"{PACKAGE}.{importer}", imported=f"{PACKAGE}.{imported}")
    options = [each for each in OPTIONS.contracts_options if each["type"] == "protected" or "exhaustive" in each]
    return [each["name"] for each in options if not kept(each, graph)]


def kept(options: dict[str, Any], graph: grimp.ImportGraph) -> bool:
    """Whether the graph keeps a contract."""
    contract = KINDS[options["type"]](options["name"], OPTIONS.session_options, options)
    return contract.check(graph, verbose=False).kept


@pytest.mark.parametrize(
    ("part", "may"),
    [
        pytest.param("sft", set[str](), id="the training program, nothing"),
        pytest.param("infra", {"settings", "domain"}, id="infrastructure, settings and the vocabulary"),
    ],
)
def test_what_stands_apart_imports_nothing_else_of_ours(part: str, may: set[str]) -> None:
    # The alias of an old module is judged with the circle that it would make.
    others = set(packages()) - {part, "dagster_storage"}
    assert {other for other in others if not refusing(part, other)} == may


def test_only_the_command_line_imports_what_tests_share() -> None:
    assert {part for part in packages() if part != "testing" and not refusing(part, "testing")} == {"cli"}
