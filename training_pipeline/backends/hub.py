"""Which commit of the Hugging Face Hub an id means now."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_SECONDS: Final = 10.0


def commit_of(model_id: str) -> str | None:
    """The commit that `model_id` (`owner/name`) means at the Hub; that of this machine's copy where it does not answer.

    None where neither is to be had: then the training program says what it loaded. Reads; never raises.
    """
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.constants import HF_HUB_CACHE
        from huggingface_hub.file_download import repo_folder_name
    except ImportError:  # nothing trains on this machine
        return None
    try:
        return HfApi().model_info(model_id, timeout=_SECONDS).sha
    except Exception:  # noqa: BLE001 - the library raises what its HTTP client does
        folder = Path(HF_HUB_CACHE) / repo_folder_name(repo_id=model_id, repo_type="model")
        try:
            return (folder / "refs" / "main").read_text(encoding="utf-8").strip() or None
        except OSError:
            return None
