"""The sensor that looks at the sources of registered models, and says everywhere which models are tainted."""

# No postponed annotations here: Dagster reads those of what it decorates.
import logging
import math
import time
from concurrent.futures import wait
from contextlib import suppress
from dataclasses import replace
from typing import Final

import dagster as dg
from sqlalchemy.exc import IntegrityError

from training_pipeline.app.container import Services
from training_pipeline.defs import checks
from training_pipeline.domain.errors import Conflict
from training_pipeline.infra import advisory_lock
from training_pipeline.infra.bounded_calls import BoundedCalls
from training_pipeline.models.revocations.unreported import Untold
from training_pipeline.models.revocations.watch import WatchRound

LOCK: Final = "revocations"
CHECK: Final = "still_permitted"
ASSET: Final = "fine_tuned_model"
#: Together well under the 60 s after which Dagster gives a sensor up.
LOOK_SECONDS: Final = 20.0
TAG_SECONDS: Final = 10.0
#: A look that takes longer is logged as a warning.
_LONG_SECONDS: Final = 600.0
_log = logging.getLogger(__name__)

#: At most one look at a time in this process; null is the answer of one that found another process looking.
Looks = BoundedCalls[None, WatchRound | None]


def make_sensor(interval: int) -> dg.SensorDefinition:
    """The sensor, at most every `interval` seconds, running by default."""
    looks: Looks = BoundedCalls(1, hung_after=math.inf)

    @dg.sensor(
        minimum_interval_seconds=interval,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Checks the training sheets of registered models: records pairs that lost a permission, changed "
        "their text or were removed, and taints and tags every model trained on them. Watches their aliases "
        "and serving endpoints.",
    )
    def watch_revocations(context: dg.SensorEvaluationContext, services: dg.ResourceParam[Services]) -> dg.SkipReason:
        """Have the sheets that are due looked at; tag what is tainted, and fail its check."""
        return dg.SkipReason(watch(context.instance, services, looks))

    return watch_revocations


def watch(instance: dg.DagsterInstance, services: Services, looks: Looks) -> str:
    """Look, tag, and report failed checks. Returns a summary for the tick. May be repeated after a crash anywhere.

    The look goes on in its thread where it takes longer than the tick may, and a later tick has its answer: so a sheet
    that takes minutes to judge is judged once.
    """
    said = look(services, looks)
    aliases = services.alias_watch.look_due()
    if aliases.tainted:
        said += f" {aliases.tainted} alias(es) name a tainted version; {aliases.demoted} moved."
    if aliases.trouble is not None:
        said += f" {aliases.trouble}"
    unanswered = services.endpoint_watch.look_due()
    if unanswered is not None:
        said += f" {unanswered}"
    serving = services.served_taints.look()
    if serving:
        said += f" {serving} endpoint(s) serve a tainted version."
    retrained = services.automatic_retrains.launch_due()
    if retrained:
        said += f" Retrains launched: {', '.join(retrained)}."
    failed = fail_checks(instance, services)
    tagged = services.taint_tags.write_due(seconds=TAG_SECONDS)
    said += f" {failed} check(s) failed, {tagged.tagged} model(s) tagged."
    return f"{said} {tagged.failed} could not be tagged and will be." if tagged.failed else said


def look(services: Services, looks: Looks) -> str:
    """Begin a look, or wait for the one that is under way, for a bounded time; returns what came of it."""
    call = looks.begin(LOCK, None, lambda: _look(services))
    if call is None:  # there is one key, so only a full bound could say so
        return "No thread is free to look."
    wait([call.answer], timeout=LOOK_SECONDS)
    if not call.answer.done():
        seconds = time.monotonic() - call.started
        if seconds > _LONG_SECONDS:
            _log.warning("checking a training sheet took %.0f seconds", seconds)
        return f"Still looking, for {seconds:.0f} seconds."
    looks.take(call)
    looked = call.answer.result()
    if looked is None:
        return "Another process is looking."
    said = f"Looked at {looked.sheets} training sheet(s): {len(looked.recorded)} revocation(s) recorded."
    if looked.blind:
        said += f" These cannot be read: {', '.join(sheet_id for sheet_id, _ in looked.blind)}."
    if looked.unread:
        said += f" Of {looked.unread} dataset(s) it is not known whether they hold what was revoked."
    return said


def _look(services: Services) -> WatchRound | None:
    try:
        with advisory_lock.hold(services.database, LOCK):  # judging takes memory: one at a time
            unread = services.revocations.read_again()
            return replace(services.sheet_watch.look_due(seconds=LOOK_SECONDS), unread=unread)
    except Conflict:
        return None


def fail_checks(instance: dg.DagsterInstance, services: Services) -> int:
    """Report the check `still_permitted` as failed for each tainted model of which it was not. Returns how many."""
    untold = services.unreported_taints.untold()
    for one in untold:
        # Told before, by a process that died before it noted so: Dagster takes one such report for each partition.
        with suppress(IntegrityError):
            instance.report_runless_asset_event(evaluation(one))
        services.unreported_taints.told(one)
    return len(untold)


def evaluation(one: Untold) -> dg.AssetCheckEvaluation:
    """The failed check of a tainted model, in the partition of its job."""
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(ASSET),
        check_name=CHECK,
        passed=False,
        partition=one.job_id,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"Tainted by {', '.join(one.revocation_ids)}.",
        metadata={
            "training_job": one.job_id,
            "model": one.model_name,
            "model_version": one.model_version or "artifact",
            "revocations": ", ".join(one.revocation_ids),
        },
        blocking=next(spec.blocking for spec in checks.FINE_TUNED_MODEL if spec.name == CHECK),
    )
