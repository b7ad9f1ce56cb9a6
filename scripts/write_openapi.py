"""Write docs/openapi.json from the routes. `--check` only compares.

python scripts/write_openapi.py [--check]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from training_pipeline.api.app import create_app
from training_pipeline.settings import Settings

PATH = Path(__file__).parent.parent / "docs" / "openapi.json"


def text() -> str:
    """The document as it is committed: that of an installation with authentication."""
    return json.dumps(create_app(Settings(auth="token")).openapi(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    if "--check" in sys.argv:
        stale = not PATH.exists() or PATH.read_text(encoding="utf-8") != text()
        sys.exit("docs/openapi.json is out of date; run `make openapi`" if stale else 0)
    PATH.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
