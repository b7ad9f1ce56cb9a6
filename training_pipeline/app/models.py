"""The parts that work on what becomes of a model."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from training_pipeline.app.jobs import JobParts
from training_pipeline.app.part import later, part

if TYPE_CHECKING:
    from training_pipeline.models.evaluation.automatic import AutomaticEvaluations
    from training_pipeline.models.evaluation.evaluations import Evaluations
    from training_pipeline.models.evaluation.kept import KeptModels
    from training_pipeline.models.evaluation.suites import Suites
    from training_pipeline.models.playground import Playground
    from training_pipeline.models.promotion.approval_tags import ApprovalTags
    from training_pipeline.models.promotion.promote import Promotions
    from training_pipeline.models.revocations.automatic_retrains import AutomaticRetrains
    from training_pipeline.models.revocations.retrains import Retrains
    from training_pipeline.models.revocations.tags import TaintTags
    from training_pipeline.models.revocations.unreported import UnreportedTaints
    from training_pipeline.models.revocations.watch import SheetWatch
    from training_pipeline.models.versions.alias_watch import AliasWatch
    from training_pipeline.models.versions.download import Downloads
    from training_pipeline.models.versions.endpoint_watch import EndpointWatch
    from training_pipeline.models.versions.served_taints import ServedTaints
    from training_pipeline.models.versions.versions import ModelVersions


class ModelParts(JobParts):
    """Versions, their evaluation and promotion, and what revocations do to them."""

    @part
    def versions(self) -> ModelVersions:
        """Registered model versions."""
        from training_pipeline.models.versions.versions import ModelVersions

        # Only to verify a version its rows are judged anew, for which the engine is needed.
        permission = later(lambda: self.permission)
        return ModelVersions(
            self.store, permission, self.backend, self.tracking, aliases=self.aliases, standings=self.standings
        )

    @part
    def suites(self) -> Suites:
        """Evaluation suites."""
        from training_pipeline.models.evaluation.suites import Suites

        return Suites(
            self.store,
            self.source,
            self.policy,
            directory=self.settings.suites,
            refuse_near=self.refuse_near,
            keys=self.keys,
        )

    @part
    def kept_models(self) -> KeptModels:
        """Models that can be asked, each with what it may be asked."""
        from training_pipeline.models.evaluation.kept import KeptModels
        from training_pipeline.tuning.base_models import ours_beside

        return KeptModels(
            self.store,
            self.source,
            self.policy,
            self.backend,
            self.suites,
            standings=self.standings,
            refuse_near=self.refuse_near,
            keys=self.keys,
            beside=partial(ours_beside, self.store),
        )

    @part
    def evaluations(self) -> Evaluations:
        """How good versions are on suites."""
        from training_pipeline.backends.evaluating import TakesQuestions
        from training_pipeline.models.evaluation.evaluations import Evaluations
        from training_pipeline.models.evaluation.judges import Judges
        from training_pipeline.models.evaluation.staged import Staged
        from training_pipeline.models.evaluation.tracked import TrackedFigures

        staged = Staged(self.store, self.database, self.backend) if isinstance(self.backend, TakesQuestions) else None
        return Evaluations(
            self.store,
            self.source,
            self.policy,
            self.backend,
            self.aliases,
            self.suites,
            self.versions,
            TrackedFigures(self.store, self.tracking),
            Judges(self.settings.judges, self.settings.judge_max_classification),
            self.kept_models,
            staged=staged,
            refuse_near=self.refuse_near,
            keys=self.keys,
        )

    @part
    def automatic_evaluations(self) -> AutomaticEvaluations:
        """Evaluates what was registered."""
        from training_pipeline.models.evaluation.automatic import AutomaticEvaluations

        return AutomaticEvaluations(self.store, self.evaluations)

    @part
    def downloads(self) -> Downloads:
        """The files of versions."""
        from training_pipeline.models.versions.download import Downloads

        return Downloads(self.store, self.backend, self.versions, self.decisions.risk_accepted)

    @part
    def promotions(self) -> Promotions:
        """Moves aliases through the gate."""
        from training_pipeline.models.promotion.promote import Promotions

        return Promotions(
            self.store,
            self.database,
            self.aliases,
            self.versions,
            self.suites,
            approval=self.settings.promotion_approval,
            approval_tags=self.approval_tags,
        )

    @part
    def approval_tags(self) -> ApprovalTags:
        """Tags versions that an alias was moved to, for deployment jobs that wait for an approval."""
        from training_pipeline.models.promotion.approval_tags import ApprovalTags

        tag, alias = self.settings.deployment_approval_tag, self.settings.deployment_approval_alias
        return ApprovalTags(self.store, self.tracking, self.aliases, self.versions, tag, alias)

    @part
    def playground(self) -> Playground:
        """Asks models one question."""
        from training_pipeline.app.limits import playground_limits
        from training_pipeline.models.playground import Playground

        limits = playground_limits(self.settings)
        return Playground(self.backend, self.versions, self.aliases, self.decisions, self.revocations, limits)

    @part
    def alias_watch(self) -> AliasWatch:
        """Looks for aliases that name tainted versions."""
        from training_pipeline.models.versions.alias_watch import AliasWatch
        from training_pipeline.models.versions.aliases import Aliases

        settings = self.settings
        return AliasWatch(
            self.store,
            Aliases(self.store, self.tracking, self.alerting.aliases_moved, seconds=10.0),
            self.alerting.alias_tainted,
            lambda name: settings.on_taint_by_model.get(name, settings.on_taint),
            seconds=settings.alias_seconds,
        )

    @part
    def endpoint_watch(self) -> EndpointWatch:
        """Asks a workspace what its endpoints serve."""
        from training_pipeline.app.backend import endpoints_of
        from training_pipeline.models.versions.endpoint_watch import EndpointWatch

        return EndpointWatch(self.store, endpoints_of(self.backend), seconds=self.settings.alias_seconds)

    @part
    def served_taints(self) -> ServedTaints:
        """Tells of endpoints that serve tainted versions."""
        from training_pipeline.models.versions.served_taints import ServedTaints

        return ServedTaints(self.store, self.standings, self.alerting.endpoint_tainted)

    @part
    def sheet_watch(self) -> SheetWatch:
        """Looks for rows that sheets no longer let be used."""
        from training_pipeline.models.revocations.watch import SheetWatch

        settings = self.settings
        return SheetWatch(
            self.store,
            self.source,
            self.policy,
            self.revocations,
            self.alerting.unreadable,
            keys=self.keys,
            seconds=settings.revocation_table_seconds
            if settings.sheet_source == "unity_catalog"
            else settings.revocation_seconds,
        )

    @part
    def taint_tags(self) -> TaintTags:
        """Tags tainted versions in the registry."""
        from training_pipeline.models.revocations.tags import TaintTags

        return TaintTags(self.store, self.tracking)

    @part
    def unreported_taints(self) -> UnreportedTaints:
        """Taints that Dagster was not told of."""
        from training_pipeline.models.revocations.unreported import UnreportedTaints

        return UnreportedTaints(self.store)

    @part
    def automatic_retrains(self) -> AutomaticRetrains:
        """Launches proposed retrains of sheets that opted in."""
        from training_pipeline.models.revocations.automatic_retrains import AutomaticRetrains

        return AutomaticRetrains(self.store, self.source, self.retrains)

    @part
    def retrains(self) -> Retrains:
        """Proposes and launches retrains of tainted versions."""
        from training_pipeline.models.revocations.retrains import Retrains

        # A proposal is shown with its version; only to launch it a job is made.
        return Retrains(self.store, later(lambda: self.jobs), self.keys)

    @property
    def refuse_near(self) -> bool:
        """Whether a model is not asked what is nearly a question that it was trained on."""
        return not self.settings.evaluate_near_questions
