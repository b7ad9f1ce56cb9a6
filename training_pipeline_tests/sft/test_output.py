"""What the program prints: its own lines, and of libraries the place without the words."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.sft.output import say, without_secrets

CANARY = "zanzibar"
#: What libraries do, in every way that Python has: each would print the canary.
LOUD = f"""
import logging, sys, threading, warnings
from training_pipeline.sft.output import hush_libraries
hush_libraries()
logging.getLogger("transformers.x").warning("bad text: %s", "{CANARY}")
logging.basicConfig()
logging.getLogger("datasets").error("bad text: {CANARY}", extra={{"text": "{CANARY}"}})
try:
    raise ValueError("{CANARY}")
except ValueError:
    logging.exception("while reading {CANARY}")
warnings.warn("bad text: {CANARY}")
class Bad:
    def __del__(self):
        raise KeyError("{CANARY}")
Bad()
def fail():
    raise ValueError("{CANARY}")
thread = threading.Thread(target=fail, name="{CANARY}")
thread.start()
thread.join()
fail()
"""


def test_no_word_of_a_library_is_printed_and_every_place_is() -> None:
    done = subprocess.run([sys.executable, "-c", LOUD], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert CANARY not in done.stdout + done.stderr
    places = (
        "WARNING of transformers.x",
        "ERROR of datasets",
        "ERROR of root",
        "UserWarning in",
        "KeyError",
        "in fail",
    )
    for place in places:
        assert place in done.stderr, place


def test_a_line_has_its_time_and_none_of_the_secrets(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_aVerySecretToken")
    say("The token is hf_aVerySecretToken.")
    line = capfd.readouterr().err
    assert line.endswith("Z The token is ***.\n")
    assert line.startswith("20")


@given(st.text("cdefg0123", min_size=8), st.text("ab \n*"))
def test_a_secret_is_masked_wherever_it_stands(secret: str, around: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABRICKS_TOKEN", secret)
        assert without_secrets(f"{around}{secret}{around}") == f"{around}***{around}"
