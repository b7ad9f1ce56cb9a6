"""`python -m training_pipeline.uploads.read OUTCOME` does the task on its standard input; see `child`."""

from __future__ import annotations

import sys

from training_pipeline.domain.errors import FieldProblem, InvalidRequest
from training_pipeline.sheets.importing.importer import import_sheet
from training_pipeline.sheets.plans_directory import keep_in
from training_pipeline.uploads.bounds import too_large_unpacked
from training_pipeline.uploads.child import Outcome, Task
from training_pipeline.uploads.found import UploadPreview
from training_pipeline.uploads.look import guard_of, look
from training_pipeline.uploads.process import answer_task


def done(task: Task) -> UploadPreview | None:
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
    return answer_task(arguments, Task, _outcome, lambda failure: Outcome(failure=failure))


def _outcome(task: Task) -> Outcome:
    keep_in(task.plans)  # to compile the rules takes longer than all else, and each choice on the page reads anew
    return Outcome(found=done(task))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
