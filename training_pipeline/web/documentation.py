"""The documentation that belongs to this very version, made into HTML. Reads only files of the package."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from training_pipeline.web import urls

if TYPE_CHECKING:  # imported where a page is made, and nowhere else
    from markdown_it.token import Token

#: Files of the repository, each a link in a clone and a copy in a wheel.
DOCUMENTS: Final = Path(__file__).parent / "documents"
START: Final = "index"
CHANGES: Final = "changelog"
REFERENCE: Final = "rest"
#: The order in which they are offered, as the documentation's own site has it: a test compares the two.
CONTENTS: Final[dict[str, tuple[str, ...]]] = {
    "Start": ("index", "jobs", "governance", "models", "lineage", "evaluation"),
    "Use": ("train-page", "advice", "studies", "dagster-ui", "sheets", "importing", "cli", "api", "typescript"),
    "Operate": ("operations", "databricks", "unity_catalog", "settings", "performance", "security"),
    "Reference": ("configuration", "rest", "changelog"),
}
NAMES: Final = frozenset(name for names in CONTENTS.values() for name in names)
#: Files that the repository has under another name.
_ELSEWHERE: Final = {
    "CHANGELOG": "changelog",
    "SECURITY": "security",
    "clients/typescript/README": "typescript",
}
_SCHEMA: Final = "openapi.json"


class Document(NamedTuple):
    """A page of the documentation."""

    title: str
    html: str


@lru_cache(maxsize=8)
def document(name: str) -> Document:
    """A page of the documentation; raises `KeyError` where there is none of that name.

    Links between pages lead to those here; what a link names that stands in the repository alone is plain text, and
    pictures are left out.
    """
    from markdown_it import MarkdownIt

    if name not in NAMES:
        raise KeyError(name)
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse((DOCUMENTS / f"{name}.md").read_text(encoding="utf-8"))
    shown = _Shown(name)
    tokens = list(shown.blocks(tokens))
    for token in tokens:
        if token.children:
            token.children = list(shown.words(token.children))
    html = markdown.renderer.render(tokens, markdown.options, {})
    return Document(shown.title, html)


@lru_cache(maxsize=len(NAMES))
def title(name: str) -> str:
    """The title of a page: its first heading."""
    with (DOCUMENTS / f"{name}.md").open(encoding="utf-8") as lines:
        return next(line for line in lines if line.startswith("# ")).removeprefix("# ").strip().replace("`", "")


def address_of(target: str, name: str) -> str | None:
    """Where a link of the page of this name leads here; null for what stands in the repository alone."""
    if re.match("https?:|mailto:|#", target):
        return target
    path, _, anchor = target.partition("#")
    home = {"changelog": "", "security": "", "typescript": "clients/typescript"}.get(name, "docs")
    path = posixpath.normpath(posixpath.join(home, path))
    if path == f"docs/{_SCHEMA}":
        return f"/{_SCHEMA}"
    stem = path.removesuffix(".md")
    found = _ELSEWHERE.get(stem) or (stem.removeprefix("docs/") if stem.startswith("docs/") else None)
    if not path.endswith(".md") or found not in NAMES:
        return None
    return urls.document(found, anchor)


class _Shown:
    """Makes the parsed text of one page into what is shown."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._anchors: Counter[str] = Counter()
        self.title = title(name)

    def blocks(self, tokens: Sequence[Token]) -> Iterator[Token]:
        """Headings with the anchors that links name; what can be scrolled is come to by Tab; no empty pictures."""
        for place, token in enumerate(tokens):
            if token.type == "inline" and _is_picture(token):
                continue
            if token.type == "paragraph_open" and _is_picture(tokens[place + 1]):
                continue
            if token.type == "paragraph_close" and _is_picture(tokens[place - 1]):
                continue
            if token.type == "heading_open":
                token.attrSet("id", self._anchor(_plain(tokens[place + 1])))
            if token.type in {"fence", "code_block"}:
                yield _raw(token, f'<pre tabindex="0"><code>{escape(token.content)}</code></pre>\n')
                continue
            if token.type == "table_open":
                label = escape(_plain_row(tokens[place:]))
                yield _raw(token, f'<div class="table-wrap" tabindex="0" role="region" aria-label="Table: {label}">')
            yield token
            if token.type == "table_close":
                yield _raw(token, "</div>")

    def words(self, tokens: Sequence[Token]) -> Iterator[Token]:
        """Links that lead somewhere from here."""
        open_links: list[bool] = []
        for token in tokens:
            if token.type == "image":
                continue
            if token.type == "link_open":
                address = address_of(str(token.attrGet("href")), self._name)
                open_links.append(address is not None)
                if address is None:
                    continue
                token.attrSet("href", address)
                if address.startswith("http"):
                    token.attrSet("target", "_blank")
                    token.attrSet("rel", "noreferrer")
            elif token.type == "link_close" and not open_links.pop():
                continue
            yield token

    def _anchor(self, heading: str) -> str:
        """As the documentation's site makes it, and as it counts those of the same words."""
        slug = re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())
        again = self._anchors[slug]
        self._anchors[slug] += 1
        return f"{slug}_{again}" if again else slug


def _plain(token: Token) -> str:
    return "".join(part.content for part in token.children or ())


def _plain_row(tokens: Sequence[Token]) -> str:
    """The titles of a table's columns."""
    end = next(place for place, token in enumerate(tokens) if token.type == "tr_close")
    return ", ".join(filter(None, (_plain(token) for token in tokens[:end] if token.type == "inline")))


def _is_picture(token: Token) -> bool:
    parts = token.children or ()
    return bool(parts) and {part.type for part in parts} <= {"image", "softbreak", "link_open", "link_close"}


def _raw(like: Token, html: str) -> Token:
    return like.copy(type="html_block", tag="", nesting=0, content=html, children=None, attrs={})
