"""The tests mirror the package: `sheets/head.py` is tested in `sheets/test_head.py`.

Where a module has no test file of its name, `COVERED_BY` names the one that covers it. An entry has to be true: the
test imports the module, or what it imports or drives reaches the module through imports inside the module's room or the
test's. How much of a module is covered is what `make coverage` measures.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parent
ROOT: Final = TESTS.parent
PACKAGE: Final = ROOT / "training_pipeline"
#: What is shared by tests is tested by them; the other test below asks that it is in use.
SHARED: Final = "testing/"
NAME: Final = r"[\w.]+(:\w+)?"

#: Test files that are about more than one module, or about none: they need no module of their name.
OF_THE_WHOLE: Final = {
    "api/test_docs.py",
    "api/test_fuzz.py",
    "api/test_life.py",
    "api/test_records.py",
    "api/test_roles.py",
    "api/test_schemathesis.py",
    "cli/test_auditors_morning.py",
    "cli/test_watched.py",
    "clients/test_typescript.py",
    "compatibility/test_v0_1_0.py",
    "crashes/test_interrupted.py",
    "crashes/test_killed.py",
    "databricks/test_asking.py",
    "databricks/test_bundle.py",
    "datasets/test_fuzz.py",
    "settings/test_settings.py",
    "sft/test_families.py",
    "sheets/test_fuzz.py",
    "sheets/test_samples.py",
    "sheets/unity_catalog/test_spark.py",
    "test_commits.py",
    "test_contracts.py",
    "test_dagster_names.py",
    "test_dagster_system.py",
    "test_dagster_tour.py",
    "test_databricks_evaluation_walk.py",
    "test_databricks_system.py",
    "test_databricks_walk.py",
    "test_databricks_worker_walk.py",
    "test_docs.py",
    "test_floors.py",
    "test_fresh_clones.py",
    "test_gate.py",
    "test_made_once.py",
    "test_mirror.py",
    "test_wheel.py",
    "training_jobs/test_concurrency.py",
    "web/test_audit_page.py",
    "web/test_chart_pages.py",
    "web/test_csv_to_model.py",
    "web/test_import_page.py",
    "web/test_pages.py",
    "web/test_quiet_pages.py",
    "web/test_studies_page.py",
    "web/test_promotion_page.py",
}

#: Test files that work from outside, in a browser or another process, with the module where that comes in.
DRIVES: Final = {
    "infra/test_migrations.py": "training_jobs/migrations/env.py",
    "sft/test_program.py": "sft/__main__.py",
    "web/test_import_page.py": "web/mount.py",
    "web/test_pages.py": "web/mount.py",
}

#: What the container is made of: who has the container has all that these build.
CONTAINER: Final = ("app/base.py", "app/jobs.py", "app/models.py")

#: Test file: the modules that it covers and that have none of their own, each by its name, so that a new one needs a
#: test file, or somebody who says here which other one covers it.
COVERED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "api/auth/test_sessions.py": ("api/routes/session.py",),
    "api/middleware/test_request_log.py": ("api/logs.py",),
    "api/routes/test_audit.py": ("api/downloads.py",),
    "api/routes/test_compare.py": ("schemas/comparison.py",),
    "alerts/test_messages.py": ("alerts/records.py", "alerts/tables.py"),
    "api/routes/test_decisions.py": ("client/governance/decisions.py", "schemas/decision.py"),
    "api/routes/test_health.py": ("app/readiness.py", "schemas/health.py"),
    "api/routes/test_jobs.py": (
        "api/app.py",
        "api/deps.py",
        "api/parameters.py",
        "schemas/requests.py",
        "schemas/training_job.py",
        "training_jobs/lifecycle/dry_run.py",
        "training_jobs/polling/poll_once.py",
    ),
    "api/routes/test_evaluations.py": ("schemas/evaluation.py",),
    "api/routes/test_promotions.py": ("schemas/promotion.py",),
    "api/routes/test_model_versions.py": ("schemas/model_version.py",),
    "api/routes/test_revocations.py": (
        "client/governance/revocations.py",
        "schemas/revocation.py",
    ),
    "api/routes/test_sheet_imports.py": ("api/multipart.py", "schemas/sheet_import.py"),
    "api/routes/test_studies.py": ("schemas/study.py",),
    "cli/commands/test_jobs_estimates.py": ("schemas/estimates.py",),
    "api/routes/test_sheet_edits.py": ("client/sheets/edits.py", "schemas/sheet_edit.py"),
    "api/routes/test_suites.py": ("schemas/suite.py",),
    "api/routes/test_training_sheets.py": (
        "client/sheets/rows.py",
        "schemas/sheet_pairs.py",
        "schemas/training_sheet.py",
    ),
    "api/routes/test_uses.py": ("schemas/uses.py",),
    "api/test_openapi.py": ("schemas/base.py",),
    "api/test_problems.py": ("api/allowed_methods.py", "api/middleware/methods.py", "schemas/problem.py"),
    "api/test_records.py": (
        "api/routes/events.py",
        "api/routes/lineage.py",
        "api/routes/log.py",
        "api/routes/metrics.py",
        "api/routes/results.py",
        "api/routes/system_metrics.py",
        "domain/lineage.py",
        "schemas/event.py",
        "schemas/lineage.py",
        "schemas/log.py",
        "schemas/metrics.py",
        "schemas/result.py",
        "schemas/system_metrics.py",
    ),
    "api/test_roles.py": ("api/routes/models.py", "schemas/base_model.py"),
    "backends/local/test_asking.py": ("backends/asking.py",),
    "backends/local/test_evaluation.py": ("backends/evaluating.py",),
    "backends/local/test_rehearsal.py": ("backends/rehearsal.py",),
    "backends/local/test_supervisor.py": ("backends/error_types.py", "backends/local/supervised_run.py"),
    "backends/local/test_backend.py": (
        "backends/base.py",
        "backends/base_models.py",
        "backends/handles.py",
        "backends/logs.py",
        "backends/metric_point.py",
        "backends/plan.py",
        "backends/results.py",
        "backends/run_state.py",
        "backends/submission.py",
        "backends/local/recovery.py",
        "backends/local/run_directory.py",
        "backends/local/run_status.py",
        "backends/local/runs.py",
        "backends/local/stored_runs.py",
        "backends/local/trainer_process.py",
    ),
    "cli/commands/test_jobs.py": ("cli/commands/jobs_advise.py", "cli/commands/jobs_records.py"),
    "cli/commands/test_audit.py": ("cli/commands/saving.py",),
    "cli/commands/test_jobs_annotate.py": ("cli/render/notes.py",),
    "cli/commands/test_models.py": ("cli/render/models.py",),
    "cli/commands/test_sheets.py": (
        "cli/commands/fetched.py",
        "cli/commands/sheets_import.py",
        "cli/render/imported.py",
    ),
    "cli/commands/test_run.py": (
        "app/alerting.py",
        "app/backend.py",
        "app/base.py",
        "app/container.py",
        "app/jobs.py",
        "app/limits.py",
        "app/models.py",
        "cli/render/job.py",
        "cli/system/installation.py",
        "cli/system/stand_in_workspace.py",
    ),
    "cli/commands/test_model_evaluations.py": ("cli/render/evaluations.py",),
    "cli/commands/test_model_promotions.py": ("cli/render/promotions.py",),
    "cli/commands/test_model_decisions.py": ("cli/render/decisions.py",),
    "cli/commands/test_revoke.py": ("cli/render/revocations.py",),
    "cli/commands/test_scores.py": ("cli/render/scores.py",),
    "cli/commands/test_studies.py": ("cli/render/studies.py",),
    "cli/commands/test_sheets_edit.py": ("cli/render/sheet_edits.py",),
    "cli/commands/test_sheets_versions.py": ("cli/render/sheet_versions.py", "api/routes/sheet_versions.py"),
    "cli/commands/test_suites.py": ("cli/render/suite.py",),
    "cli/commands/test_uses.py": ("cli/render/uses.py",),
    "cli/system/test_supervise.py": ("cli/system/commands.py",),
    "client/sheets/test_contents.py": ("client/sheets/finding.py", "schemas/sheet_contents.py"),
    "client/sheets/test_versions.py": ("domain/sheet_change.py", "schemas/sheet_versions.py"),
    "datasets/test_compare.py": ("datasets/recheck_result.py",),
    "domain/rules/test_comparison.py": (
        "domain/rules/examples/called.py",
        "domain/rules/spoken.py",
        "domain/rules/turns.py",
    ),
    "datasets/test_lifting.py": ("datasets/restrictions.py",),
    "datasets/test_sheet_rows.py": ("datasets/kept_files.py",),
    "models/test_playground.py": ("models/versions/usable.py",),
    "client/test_heavy.py": ("app/heavy_reads.py",),
    "client/audit/test_archive.py": (
        "client/audit/gathering.py",
        "client/audit/job_files.py",
        "client/audit/model_files.py",
        "client/audit/readme.py",
    ),
    "client/test_base.py": (
        "client/audit/base.py",
        "client/audit/local.py",
        "client/audit/remote.py",
        "client/evaluation/base.py",
        "client/evaluation/local.py",
        "client/evaluation/remote.py",
        "client/governance/base.py",
        "client/governance/local.py",
        "client/governance/remote.py",
        "client/jobs/base.py",
        "client/jobs/changing.py",
        "client/jobs/compare.py",
        "client/jobs/diff.py",
        "client/jobs/idempotent.py",
        "client/jobs/local.py",
        "client/jobs/pages.py",
        "client/jobs/remote.py",
        "client/models/base.py",
        "client/models/local.py",
        "client/models/pages.py",
        "client/models/remote.py",
        "client/sheets/base.py",
        "client/sheets/local.py",
        "client/sheets/remote.py",
        "client/studies/base.py",
        "client/studies/local.py",
        "client/studies/remote.py",
        "api/routes/advice.py",
        "schemas/advice.py",
        "api/routes/diff.py",
        "domain/pair_change.py",
        "schemas/diff.py",
        "schemas/validation.py",
    ),
    "client/test_errors.py": ("client/http.py", "client/remote.py"),
    "schemas/test_asked_study.py": ("schemas/study_requests.py",),
    "client/test_local.py": ("client/services.py",),
    "compatibility/test_v0_1_0.py": ("backends/supervisor.py", "dagster_storage.py"),
    "databricks/test_backend.py": ("databricks/run_output.py", "databricks/runs.py"),
    "dagster_ui/test_guard.py": ("dagster_ui/callers.py",),
    "dagster_ui/test_workspace.py": ("dagster_ui/attribution.py",),
    "datasets/test_prepare.py": ("domain/refs.py",),
    "datasets/test_trained_questions.py": ("datasets/text_plans.py",),
    "datasets/test_near_held_out.py": ("datasets/text_report.py",),
    "datasets/test_token_lengths.py": ("datasets/rehearsed_pairs.py",),
    "datasets/test_verdicts.py": ("datasets/judged.py",),
    "datasets/test_split.py": (
        "datasets/questions.py",
        "datasets/predecessor.py",
        "domain/rules/examples/control_tokens.py",
    ),
    "defs/test_assets.py": (
        "defs/jobs.py",
        "defs/metadata.py",
        "defs/partitions.py",
        "defs/provenance.py",
        "defs/resources.py",
        "defs/training_metadata.py",
    ),
    "tuning/test_advance.py": (
        "tuning/ending.py",
        "tuning/starting.py",
        "tuning/tables.py",
    ),
    "defs/test_evaluations.py": ("defs/evaluation_metadata.py",),
    "defs/test_retraining.py": ("client/retraining.py", "retraining/retrain.py", "retraining/sheet_models.py"),
    "defs/test_revocations.py": ("models/revocations/unreported.py",),
    "domain/test_study_space.py": ("domain/search.py",),
    "domain/rules/test_gates.py": (
        "domain/pair_schema.py",
        "domain/rules/neighbours.py",
        "domain/rules/policy.py",
        "domain/training_sheet.py",
    ),
    "domain/rules/text/test_normal_form.py": (
        "domain/rules/text/character_table.py",
        "domain/rules/text/dialects.py",
        "domain/rules/text/white_space.py",
    ),
    "domain/rules/test_split.py": ("domain/split_report.py",),
    "domain/test_retraining.py": ("domain/validation.py",),
    "infra/test_embedded_postgres.py": ("infra/postgres_programs.py",),
    "infra/test_migrations.py": ("training_jobs/migrations/env.py",),
    "models/revocations/test_decisions.py": ("models/revocations/standings.py",),
    "models/revocations/test_examples.py": ("models/revocations/disguises.py",),
    "models/revocations/test_revoke.py": (
        "models/revocations/affected.py",
        "models/revocations/dataset_revocations.py",
        "models/revocations/job_datasets.py",
        "models/revocations/learned.py",
        "models/revocations/outcomes.py",
        "models/revocations/reach.py",
        "models/revocations/read.py",
        "models/revocations/records.py",
        "models/revocations/tables.py",
        "models/revocations/unread.py",
    ),
    "models/revocations/test_erasure.py": ("datasets/erased.py",),
    "models/revocations/test_known_rows.py": ("models/revocations/revoked_rows.py",),
    "models/revocations/test_proposals.py": ("models/revocations/taints.py",),
    "models/revocations/test_watch.py": ("models/revocations/changes.py", "models/revocations/same_text.py"),
    "api/routes/test_playground.py": ("schemas/playground.py",),
    "cli/commands/test_model_ask.py": ("cli/render/playground.py",),
    "cli/commands/test_jobs_result.py": ("cli/render/result.py",),
    "models/evaluation/test_evaluations.py": (
        "models/evaluation/already_active.py",
        "models/evaluation/questions.py",
        "models/evaluation/records.py",
        "models/evaluation/results.py",
        "models/evaluation/subjects.py",
    ),
    "models/evaluation/test_guard.py": ("models/evaluation/guard_tables.py",),
    "models/evaluation/test_judges.py": ("backends/judging.py",),
    "models/promotion/test_promote.py": (
        "models/promotion/evidence.py",
        "models/promotion/forgetting.py",
        "models/promotion/gates_in_force.py",
        "models/promotion/over_base.py",
        "models/promotion/records.py",
        "models/promotion/tables.py",
    ),
    "models/evaluation/test_figures.py": ("models/evaluation/metrics.py",),
    "models/evaluation/test_suites.py": ("models/evaluation/ancestry.py", "models/evaluation/tables.py"),
    "models/uses/test_ask.py": (
        "datasets/lost_manifest.py",
        "models/uses/copies.py",
        "models/uses/keys.py",
        "models/uses/learners.py",
        "models/uses/lookup.py",
        "models/uses/manifest_rows.py",
        "models/uses/tables.py",
    ),
    "models/versions/test_find.py": ("models/versions/standing.py",),
    "models/versions/test_verify.py": (
        "models/versions/dagster_record.py",
        "models/versions/versions.py",
    ),
    "models/uses/test_index.py": ("models/uses/numbering.py",),
    "reviewing/test_edits.py": ("reviewing/log.py", "reviewing/rewriting.py", "reviewing/tables.py"),
    "settings/test_settings.py": (
        "settings/access.py",
        "settings/alerts.py",
        "settings/api.py",
        "settings/dagster_ui.py",
        "settings/databricks.py",
        "settings/gates.py",
        "settings/jobs.py",
        "settings/local.py",
        "settings/longest.py",
        "settings/models.py",
        "settings/prefix.py",
        "settings/retraining.py",
        "settings/sheets.py",
        "settings/storage.py",
        "settings/tracking.py",
        "settings/uploads.py",
    ),
    "sft/encoding/test_chat_format.py": ("sft/encoding/templates.py",),
    "sft/preflight/test_rehearse.py": ("sft/preflight/findings.py",),
    "sft/databricks/test_worker.py": ("sft/databricks/machine.py", "sft/databricks/volume.py"),
    "sft/test_program.py": (
        "sft/__main__.py",
        "sft/environment.py",
        "sft/databricks/register.py",
        "sft/training/report.py",
    ),
    "sheets/files/test_checking.py": (
        "sheets/files/json_objects.py",
        "sheets/files/row.py",
        "sheets/files/rows.py",
    ),
    "sheets/files/test_duckdb_sql.py": ("sheets/files/duckdb_macros.py", "sheets/files/inspecting.py"),
    "sheets/files/test_source.py": (
        "domain/pair_types.py",
        "sheets/base.py",
        "sheets/engine.py",
        "sheets/files/opening.py",
        "sheets/files/sheet_files.py",
    ),
    "sheets/test_kept_plans.py": ("sheets/plans_directory.py",),
    "sheets/importing/formats/test_label_studio.py": ("sheets/importing/formats/choosing.py",),
    "sheets/importing/formats/test_registry.py": (
        "sheets/importing/formats/alpaca.py",
        "sheets/importing/formats/columns.py",
        "sheets/importing/formats/openai_chat.py",
        "sheets/importing/formats/prompt_completion.py",
        "sheets/importing/formats/sharegpt.py",
    ),
    "sheets/importing/reading/test_file_kind.py": (
        "sheets/importing/reading/jsonl.py",
        "sheets/importing/reading/opening.py",
        "sheets/importing/reading/parquet.py",
    ),
    "sheets/importing/test_convert.py": (
        "sheets/importing/pairs.py",
        "sheets/importing/stored.py",
        "sheets/importing/tally.py",
        "sheets/importing/value_mapping.py",
    ),
    "sheets/importing/test_gathering.py": ("sheets/importing/duplicates.py",),
    "sheets/importing/test_importer.py": ("sheets/importing/request.py",),
    "sheets/unity_catalog/test_source.py": (
        "sheets/unity_catalog/columns.py",
        "sheets/unity_catalog/head.py",
        "sheets/unity_catalog/tags.py",
        "sheets/unity_catalog/version.py",
    ),
    "sheets/unity_catalog/test_warehouse.py": ("domain/rules/examples/rendering_databricks.py",),
    "training_jobs/polling/test_poller.py": (
        "backends/permission.py",
        "training_jobs/polling/apply.py",
        "training_jobs/polling/observe.py",
    ),
    "training_jobs/lifecycle/test_catalog_lineage.py": ("databricks/lineage.py",),
    "training_jobs/store/test_tables.py": ("auth/tables.py", "models/versions/tables.py"),
    "training_jobs/store/test_jobs.py": ("domain/job.py", "training_jobs/store/events.py"),
    "training_jobs/lifecycle/test_service.py": (
        "training_jobs/lifecycle/job_request.py",
        "training_jobs/lifecycle/new_jobs.py",
    ),
    "training_jobs/test_concurrency.py": (
        "backends/early_start.py",
        "training_jobs/lifecycle/launch.py",
        "training_jobs/lifecycle/launch_lineage.py",
        "training_jobs/lifecycle/submit.py",
    ),
    "uploads/remote/test_delta.py": ("uploads/remote/tables.py",),
    "uploads/test_child.py": ("uploads/limits.py", "uploads/process.py"),
    "uploads/test_imports.py": (
        "uploads/approval.py",
        "uploads/found.py",
        "uploads/glance.py",
        "uploads/read.py",
    ),
    "web/test_import_page.py": (
        "web/imports/bucket.py",
        "web/imports/choices.py",
        "web/imports/findings.py",
        "web/imports/replacing.py",
    ),
    "web/test_pages.py": (
        "web/charts/metric_chart.py",
        "web/charts/options.py",
        "web/charts/parallel_chart.py",
        "web/choice.py",
        "web/client/base.py",
        "web/client/governance.py",
        "web/client/imports.py",
        "web/client/jobs.py",
        "web/client/models.py",
        "web/client/sheets.py",
        "web/client/studies.py",
        "web/comparison/curves.py",
        "web/comparison/evaluations.py",
        "web/comparison/tables.py",
        "web/form/advice.py",
        "web/form/estimate.py",
        "web/form/plan.py",
        "web/form/sheet.py",
        "web/form/widgets.py",
        "web/jobs/cancel_dialog.py",
        "web/jobs/compare.py",
        "web/jobs/events.py",
        "web/jobs/filters.py",
        "web/jobs/head.py",
        "web/jobs/lineage.py",
        "web/jobs/log.py",
        "web/jobs/metrics.py",
        "web/jobs/overview.py",
        "web/jobs/pair_table.py",
        "web/jobs/table.py",
        "web/layout.py",
        "web/models/details.py",
        "web/models/evaluations.py",
        "web/models/mention.py",
        "web/models/playground.py",
        "web/models/retrain.py",
        "web/models/state.py",
        "web/models/verify.py",
        "web/pager.py",
        "web/pair_cells.py",
        "web/pages/compare.py",
        "web/pages/diff.py",
        "web/pages/docs.py",
        "web/pages/errors.py",
        "web/pages/estimates.py",
        "web/pages/imports.py",
        "web/pages/job.py",
        "web/pages/login.py",
        "web/pages/model_version.py",
        "web/pages/models.py",
        "web/pages/new_job.py",
        "web/pages/new_study.py",
        "web/pages/revocations.py",
        "web/pages/sheet.py",
        "web/pages/studies.py",
        "web/pages/study.py",
        "web/pages/train.py",
        "web/pages/uses.py",
        "web/sheet_counts.py",
        "web/sheets/changes.py",
        "web/sheets/conversation.py",
        "web/sheets/edits.py",
        "web/sheets/export_summary.py",
        "web/sheets/lengths.py",
        "web/sheets/lifting.py",
        "web/sheets/near_duplicates.py",
        "web/sheets/table.py",
        "web/sheets/versions.py",
        "web/studies/asked.py",
        "web/studies/best.py",
        "web/studies/head.py",
        "web/studies/space.py",
        "web/studies/stop_dialog.py",
        "web/studies/trials.py",
        "web/shell.py",
        "web/site.py",
        "web/static_files.py",
    ),
}


def paths(directory: Path, pattern: str) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob(pattern))


@cache
def modules() -> list[str]:
    """The modules of the package by path, without packages' own files, migrations and what tests share."""
    found = [path for path in paths(PACKAGE, "*.py") if not path.endswith("__init__.py")]
    return [path for path in found if "/migrations/versions/" not in path and not path.startswith(SHARED)]


def mirrored(module: str) -> str:
    """Where the tests of a module stand: `sft/__main__.py` in `sft/test_main.py`."""
    path = Path(module)
    return str(path.with_name(f"test_{path.stem.strip('_')}.py"))


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@cache
def imports(file: Path) -> frozenset[str]:
    """The modules of the package that a file imports, wherever in it, or names in a text, as `python -m` takes one."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = f"{dotted(file.parents[node.level - 1])}." if node.level else ""
            origin = f"{start}{node.module or ''}".rstrip(".")
            names |= {origin, *(f"{origin}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(NAME, node.value):
            text = node.value.partition(":")[0]
            names |= {text, f"{dotted(file.parent)}.{text}"}  # the command line names its parts by their place
    ours = {name.removeprefix("training_pipeline.") for name in names if name.startswith("training_pipeline.")}
    files = (name.replace(".", "/") + end for name in ours for end in (".py", "/__init__.py"))
    return frozenset(path for path in files if (PACKAGE / path).is_file())


def reached(starts: Iterable[str], *rooms: str) -> set[str]:
    """The modules that `starts` import, themselves included; a way leads through modules of `rooms` only."""
    seen: set[str] = set()
    waiting = list(starts)
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            if module in starts or module.startswith(rooms):
                waiting += imports(PACKAGE / module)
    return seen


def covers(test: str, module: str) -> bool:
    """Whether the test file, its fixtures or what they share reach the module through its room or theirs."""
    files = [TESTS / test, *(parent / "conftest.py" for parent in (TESTS / test).parents)]
    direct = {name for file in files if file.is_file() and TESTS in file.parents for name in imports(file)}
    direct |= {DRIVES[test]} if test in DRIVES else set()
    shared = reached([name for name in direct if name.startswith(SHARED)], SHARED)
    return module in reached(direct | shared, f"{module.split('/')[0]}/", f"{test.split('/')[0]}/", *CONTAINER)


def test_every_module_has_a_test_file_of_its_name_or_is_covered_by_a_named_one() -> None:
    listed = {module for entries in COVERED_BY.values() for module in entries}
    missing = [m for m in modules() if not (TESTS / mirrored(m)).is_file() and m not in listed]
    assert not missing, "Write these tests, or name the tests that cover them in COVERED_BY:\n" + "\n".join(
        f"  {module}: training_pipeline_tests/{mirrored(module)}" for module in missing
    )


def test_every_test_file_mirrors_a_module() -> None:
    strays = set(paths(TESTS, "test_*.py")) - set(map(mirrored, modules())) - OF_THE_WHOLE
    assert not strays, (
        f"No module has these names: {sorted(strays)}. Rename each for the module it tests, "
        "or list it in OF_THE_WHOLE if it tests several."
    )


@pytest.mark.parametrize("test", sorted(COVERED_BY))
def test_every_entry_is_true_and_needed(test: str) -> None:
    assert (TESTS / test).is_file(), f"COVERED_BY names {test}, which is gone: name the file that it became."
    for module in COVERED_BY[test]:
        assert module in modules(), f"COVERED_BY[{test!r}] names {module}, which is none: name what it became."
        own = TESTS / mirrored(module)
        assert not own.is_file(), f"Remove {module} from COVERED_BY[{test!r}]: it has a test file of its own name."
        assert covers(test, module), f"{test} does not reach {module}: name the test that does, or write one."


def test_no_list_names_what_is_gone_or_needs_no_name() -> None:
    entries = [module for covered in COVERED_BY.values() for module in covered]
    assert sorted(entries) == sorted(set(entries)), "An entry stands in COVERED_BY more than once."
    gone = {test for test in (*OF_THE_WHOLE, *DRIVES) if not (TESTS / test).is_file()}
    gone |= {module for module in DRIVES.values() if not (PACKAGE / module).is_file()}
    assert not gone, f"These are named in OF_THE_WHOLE or DRIVES and are gone: {sorted(gone)}"
    mirroring = OF_THE_WHOLE & set(map(mirrored, modules()))
    assert not mirroring, f"Remove these from OF_THE_WHOLE, for they mirror a module: {sorted(mirroring)}"


def test_what_tests_share_is_in_use() -> None:
    outside = [*TESTS.rglob("*.py"), *(ROOT / "scripts").rglob("*.py"), *(ROOT / "bench").rglob("*.py")]
    outside += [PACKAGE / module for module in modules()]
    used = reached({name for file in outside for name in imports(file) if name.startswith(SHARED)}, SHARED)
    shared = {f"{SHARED}{path}" for path in paths(PACKAGE / SHARED, "*.py") if not path.endswith("__init__.py")}
    # These run in processes of their own, which name them by their folder.
    programs = {
        f"{SHARED}{path}"
        for path in (
            "databricks_workspace/mlflow_server.py",
            "trainers/stand_in_worker/__main__.py",
            "trainers/stand_in_worker/evaluate.py",
        )
    }
    assert shared - used == programs, f"Remove what nothing uses, or import it: {sorted((shared - used) ^ programs)}"


def test_conftests_have_fixtures_only() -> None:
    for file in TESTS.rglob("conftest.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("pytest_"):
                assert any("fixture" in ast.unparse(one) for one in node.decorator_list), f"{file}: {node.name}"
            assert not isinstance(node, ast.ClassDef), f"{file}: {getattr(node, 'name', '')} belongs into testing/"
