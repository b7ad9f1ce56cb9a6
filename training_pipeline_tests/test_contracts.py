"""What the import contracts in `pyproject.toml` refuse, asked with imports that nobody has written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, Final

import grimp
import pytest
from importlinter import Contract
from importlinter.application.use_cases import read_user_options
from importlinter.configuration import configure
from importlinter.contracts.acyclic_siblings import AcyclicSiblingsContract
from importlinter.contracts.layers import LayersContract
from importlinter.contracts.protected import ProtectedContract

PACKAGE: Final = "training_pipeline"
ROOT: Final = Path(__file__).parents[1]
KINDS: Final[Mapping[str, Callable[..., Contract]]] = {
    "acyclic_siblings": AcyclicSiblingsContract,
    "layers": LayersContract,
    "protected": ProtectedContract,
}

DOWNWARD: Final = "Imports run downward only"
WHO_KNOWS: Final = "Who knows what the training program reads and writes"
CIRCLES: Final = "No circles, in any package"

configure()
OPTIONS: Final = read_user_options(str(ROOT / "pyproject.toml"))


@cache
def modules() -> grimp.ImportGraph:
    """The imports of the package as they are."""
    return grimp.build_graph(PACKAGE, include_external_packages=True, cache_dir=None)


def packages() -> list[str]:
    """The parts that the package is made of."""
    return sorted(name.removeprefix(f"{PACKAGE}.") for name in modules().find_children(PACKAGE))


def refused(importer: str, imported: str, *contracts: str) -> bool:
    """Whether one more import would break one of these contracts."""
    graph = deepcopy(modules())
    graph.add_import(importer=f"{PACKAGE}.{importer}", imported=f"{PACKAGE}.{imported}")
    return not all(kept(each, graph) for each in OPTIONS.contracts_options if each["name"] in contracts)


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
    assert {other for other in set(packages()) - {part} if not refused(part, other, DOWNWARD, WHO_KNOWS)} == may


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("domain.rules.text.characters", "domain.rules.comparison"),
        ("sft.distributed.launch", "sft.program"),
        ("web.site", "web.sheets.table"),
    ],
)
def test_no_room_imports_one_that_imports_it(importer: str, imported: str) -> None:
    assert refused(importer, imported, CIRCLES)


def test_nothing_imports_what_tests_share() -> None:
    assert all(refused(part, "testing", DOWNWARD) for part in packages() if part != "testing")
