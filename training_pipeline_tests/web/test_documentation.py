from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from training_pipeline.web import documentation, urls
from training_pipeline.web.documentation import CONTENTS, DOCUMENTS, NAMES, address_of, document, title

ROOT = Path(__file__).parents[2]
#: Of the documentation's own site, what is for those who have a clone.
FOR_DEVELOPERS = {"python", "contributing", "architecture"}


def test_it_offers_what_the_site_does_in_its_order() -> None:
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)
    site: dict[str, Any] = yaml.load((ROOT / "mkdocs.yml").read_text(), Loader)
    groups = {name: entries for each in site["nav"] for name, entries in each.items() if name != "Decisions"}
    listed = [
        str(next(iter(entry.values())) if isinstance(entry, dict) else entry).removesuffix(".md")
        for entry in chain.from_iterable(groups.values())
    ]
    ours = list(chain.from_iterable(CONTENTS.values()))
    assert [name for name in ours if name != "changelog"] == [
        name for name in listed if name not in {*FOR_DEVELOPERS, "changelog"}
    ]
    assert {file.stem for file in DOCUMENTS.iterdir()} == NAMES == set(ours)


def test_every_link_leads_to_a_page_and_a_heading_that_are_there() -> None:
    anchors = {name: set(re.findall(r'<h\d id="([^"]*)"', document(name).html)) for name in NAMES}
    lost = []
    for name in NAMES:
        for target in re.findall(r'<a href="([^"]*)"', document(name).html):
            if target.startswith(("http", "mailto:")) or target == "/openapi.json":
                continue
            path, _, anchor = target.partition("#")
            page = path.removeprefix(f"{urls.DOCUMENTS}/") if path else name
            if page not in NAMES or (anchor and anchor not in anchors[page]):
                lost.append((name, target))
    assert lost == []


def test_text_that_looks_like_html_is_text_and_nothing_is_asked_of_others() -> None:
    for name in NAMES:
        html = document(name).html
        assert not re.search(r"<(img|script|iframe|style|svg)", html), name
        tags = set(re.findall(r"<([a-z0-9]+)", html))
        assert tags <= {
            *("a", "blockquote", "br", "code", "div", "em", "h1", "h2", "h3", "h4", "li", "ol", "p", "pre", "strong"),
            *("table", "tbody", "td", "th", "thead", "tr", "ul", "hr"),
        }, name


def test_a_page_has_the_title_of_its_first_heading() -> None:
    assert title("api") == document("api").title == "The REST API"
    with pytest.raises(KeyError):
        document("../index")


@pytest.mark.parametrize(
    ("target", "name", "expected"),
    [
        ("api.md#paging", "jobs", f"{urls.DOCUMENTS}/api#paging"),
        ("../CHANGELOG.md", "jobs", f"{urls.DOCUMENTS}/changelog"),
        ("docs/api.md", "changelog", f"{urls.DOCUMENTS}/api"),
        ("../../docs/openapi.json", "typescript", "/openapi.json"),
        ("../training_pipeline/domain/job.py", "jobs", None),
        ("adr/README.md", "index", None),
        ("#roles", "api", "#roles"),
        ("https://example.org", "api", "https://example.org"),
    ],
)
def test_where_a_link_leads(target: str, name: str, expected: str | None) -> None:
    assert address_of(target, name) == expected
    assert documentation.START in NAMES
