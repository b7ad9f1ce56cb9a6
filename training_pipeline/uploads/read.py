"""`python -m training_pipeline.uploads.read OUTCOME` does the task on its standard input; see `child`."""

from __future__ import annotations

import sys
from pathlib import Path

from training_pipeline.domain.errors import FieldProblem, InvalidRequest
from training_pipeline.infra.files import replace_file
from training_pipeline.infra.processes import end_with_parent
from training_pipeline.sheets.importing.importer import import_sheet
from training_pipeline.uploads.bounds import too_large_unpacked
from training_pipeline.uploads.child import Outcome, Task
from training_pipeline.uploads.found import Found
from training_pipeline.uploads.look import guard_of, look
from training_pipeline.uploads.process import failure_of, limit_this_process


def done(task: Task) -> Found | None:
    """Do a task in this process. What is too large when it is unpacked is not unpacked."""
    request, limits = task.request, task.limits
    if (why := too_large_unpacked(request.file, limits)) is not None:
        problem = FieldProblem("FILE", "unpacks_too_large", why)
        hint = "Unpack it, and upload it in parts."
        raise InvalidRequest("The file cannot be imported.", hint=hint, problems=[problem])
    if task.do == "look":
        scratch = request.file.parent / ".looked-at"
        return look(request, scratch, limits, task.policy, sheets=task.sheets, replaces=task.replace)
    import_sheet(request, task.sheets, overwrite=task.replace, guard=guard_of(limits))
    return None


def main(arguments: list[str]) -> int:
    """Read the task, do it, and write its outcome."""
    task = Task.model_validate_json(sys.stdin.buffer.read())
    end_with_parent()
    limit_this_process(task.limits)
    try:
        outcome = Outcome(found=done(task))
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent is told
        outcome = Outcome(failure=failure_of(error))
    replace_file(Path(arguments[0]), outcome.model_dump_json().encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
