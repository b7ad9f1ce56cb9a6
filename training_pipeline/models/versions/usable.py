"""Whether a version may be used: evaluated, promoted, asked or exported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from training_pipeline.domain.errors import Conflict, Tainted
from training_pipeline.domain.model_version import MEANINGS, VersionState
from training_pipeline.models.versions.find import Registered


class OfVersion(Protocol):
    """Anything that is about one registered version."""

    @property
    def version(self) -> Registered:
        """The version."""


#: Whether it is on record that the risk of a tainted version, by name and number, is accepted.
RiskAccepted = Callable[[str, str], bool]
_TRAIN_ANEW: Final = "Train a model without these pairs (`training-pipeline models retrain`), and use that version."
_TRAIN_ANEW_OR_ACCEPT: Final = (
    f"{_TRAIN_ANEW} Or have a steward accept the risk: `training-pipeline models decide --decision accept_risk`. A"
    " decision holds for the revocations that it names."
)


def require_usable(subject: OfVersion, risk_accepted: RiskAccepted | None = None) -> None:
    """Raise `Tainted` for a version that is tainted or withdrawn, `Conflict` for one that is not finished.

    With `risk_accepted`, a tainted one may be used where that says so; it is asked for tainted ones only.
    """
    version = subject.version
    said = f"{version.name} version {version.version} is {version.state}: {MEANINGS[version.state]}."
    why = f"{said} {' '.join(version.reasons)}"
    match version.state:
        case VersionState.WITHDRAWN:
            raise Tainted(why, hint=_TRAIN_ANEW)
        case VersionState.TAINTED if risk_accepted is None or not risk_accepted(version.name, version.version):
            raise Tainted(why, hint=_TRAIN_ANEW if risk_accepted is None else _TRAIN_ANEW_OR_ACCEPT)
        case VersionState.UNFINISHED:
            raise Conflict(said, hint=f"Wait for training job {version.job_id}.")
