"""Start the training program: `python -m training_pipeline.sft CONFIG.json` or `python <this folder> CONFIG.json`.

With `--worker FILE` it works as a GPU worker of Databricks does (`databricks/worker.py`), with `--rehearse CONFIG.json`
it only says what it would refuse (`preflight/rehearse.py`), with `--probe` how fast the machine is
(`preflight/probe.py`), and with `--evaluate CONFIG.json` it asks models the questions of a suite and scores the answers
(`evaluation/run.py`). With `--ask` models answer one question that it is given on standard input
(`evaluation/asking.py`), with `--parity CONFIG.json` it says whether an exported model answers as the trained one does
(`evaluation/parity.py`), and with `--wait` it is started before there is anything to train (`wait.py`). `--rank` is for
itself: one process of several that train together (`rank.py`).
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path


def package_name() -> str:
    """The name under which this folder can be imported.

    Run as a bare folder it is no package yet. It is then registered as `sft` by its path alone: putting its parent on
    the module search path could hide an installed library behind a neighbouring folder of the same name, and so could
    the folder itself, which Python puts there.
    """
    if __package__:
        return __package__
    folder = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if not entry or Path(entry).resolve() != folder]
    spec = importlib.util.spec_from_file_location(
        "sft", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder} is not a Python package")
    module = importlib.util.module_from_spec(spec)
    sys.modules["sft"] = module
    spec.loader.exec_module(module)
    return "sft"


if __name__ == "__main__":
    programs = {
        "--worker": "databricks.worker",
        "--rehearse": "preflight.rehearse",
        "--probe": "preflight.probe",
        "--evaluate": "evaluation.run",
        "--parity": "evaluation.parity",
        "--ask": "evaluation.asking",
        "--wait": "wait",
        "--rank": "rank",
    }
    other = programs.get(sys.argv[1] if len(sys.argv) > 1 else "")
    module = importlib.import_module(f"{package_name()}.{other or 'program'}")
    sys.exit(module.main(sys.argv[2:] if other else sys.argv[1:]))
