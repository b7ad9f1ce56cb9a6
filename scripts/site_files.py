"""What the documentation site shows and docs/ does not hold: pages of the root, and Mermaid. A hook of MkDocs."""

from __future__ import annotations

import posixpath
import re
from importlib.metadata import distribution
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
#: Where a file of the repository stands on the site.
PAGES = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "clients/typescript/README.md": "typescript.md",
}
LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)#\s]+)")
#: MkDocs Material would load Mermaid from a CDN where nobody has brought it.
START_MERMAID = 'import { mermaid } from "./mermaid/index.js";\nwindow.mermaid = mermaid;\n'


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the root, and Mermaid as NiceGUI brings it."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    files.append(File.generated(config, "assets/mermaid.mjs", content=START_MERMAID))
    for script in sorted(mermaid().glob("*.js")):
        files.append(File.generated(config, f"assets/mermaid/{script.name}", abs_src_path=str(script)))
    return files


def mermaid() -> Path:
    """The directory of Mermaid's modules; NiceGUI is found, not imported."""
    return Path(str(distribution("nicegui").locate_file("nicegui/elements/mermaid/dist")))


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Let links between files of the repository lead to where those stand on the site."""
    here = next((source for source, site in PAGES.items() if site == page.file.src_uri), f"docs/{page.file.src_uri}")

    def moved(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(here), match[1]))
        site = PAGES.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else None)
        return posixpath.relpath(site, posixpath.dirname(page.file.src_uri) or ".") if site else match[1]

    return LINK.sub(moved, markdown)
