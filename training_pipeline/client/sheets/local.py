"""The verbs of training sheets on this installation."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from typing import Any

from training_pipeline.client.heavy import heavy
from training_pipeline.client.roles import needs
from training_pipeline.client.services import OnServices, checked
from training_pipeline.client.sheets.contents import lengths, near_duplicates, pair_conversations, what_lifting_adds
from training_pipeline.client.sheets.edits import edit_page, pair_text, take_sheet_over
from training_pipeline.client.sheets.finding import finding
from training_pipeline.client.sheets.rows import sheet_pair_page
from training_pipeline.client.sheets.versions import SheetVersions
from training_pipeline.datasets.preview import preview
from training_pipeline.datasets.summary import export_summary
from training_pipeline.domain.access import Role
from training_pipeline.domain.bucket_location import BucketLocation
from training_pipeline.domain.export_summary import ExportSummary as Counted
from training_pipeline.domain.sheet_change import SheetChange
from training_pipeline.domain.training_sheet import TRAINABLE_SHEETS
from training_pipeline.schemas.sheet_contents import (
    PairConversations,
    TrainingSheetLengths,
    TrainingSheetLifting,
    TrainingSheetNearDuplicates,
)
from training_pipeline.schemas.sheet_edit import (
    EditTrainingSheetPairs,
    TakeOverTrainingSheet,
    TrainingSheetEdit,
    TrainingSheetEdits,
    UndoTrainingSheetEdit,
)
from training_pipeline.schemas.sheet_import import ApproveTrainingSheet, ImportDryRun, ImportTrainingSheet
from training_pipeline.schemas.sheet_pairs import TrainingSheetPairs
from training_pipeline.schemas.sheet_versions import TrainingSheetDiff, TrainingSheetVersions
from training_pipeline.schemas.training_sheet import (
    ExportSummary,
    TrainingSheet,
    TrainingSheetDetails,
    TrainingSheetPreview,
    TrainingSheets,
)
from training_pipeline.uploads.staging import Receiving, Upload


class LocalSheets(OnServices):
    """`Sheets` over the services of one installation."""

    @needs(Role.VIEWER)
    def training_sheets(self) -> TrainingSheets:
        """See `Client`."""
        sheets = [
            TrainingSheet.model_validate(TrainingSheet.fields_of(sheet)) for sheet in self._services.source.list()
        ]
        return TrainingSheets(training_sheets=sheets, total=len(sheets))

    @needs(Role.VIEWER)
    def training_sheet(self, sheet_id: str) -> TrainingSheetDetails:
        """See `Client`."""
        of = finding(
            self._services,
            sheet_id,
            Counted,
            lambda opened, withdrawn: export_summary(opened, self._services.policy, withdrawn=withdrawn),
        )
        fields = TrainingSheet.fields_of(of.sheet)
        return TrainingSheetDetails(**fields, digest=of.digest, export_summary=ExportSummary.of(of.found))

    @needs(Role.VIEWER)
    def sheet_pairs(
        self,
        sheet_id: str,
        *,
        verdict: str | None = None,
        status: str | None = None,
        search: str | None = None,
        text: str | None = None,
        page_size: int = 50,
        cursor: str | None = None,
    ) -> TrainingSheetPairs:
        """See `Client`."""
        return sheet_pair_page(
            self._services,
            self.caller,
            sheet_id,
            verdict=verdict,
            status=status,
            search=search,
            text=text,
            page_size=page_size,
            cursor=cursor,
        )

    @needs(Role.VIEWER)
    def pair_conversations(self, sheet_id: str, pair_id: str) -> PairConversations:
        """See `Client`."""
        return pair_conversations(self._services, self.caller, sheet_id, pair_id)

    @needs(Role.VIEWER)
    @heavy
    def sheet_lengths(
        self, sheet_id: str, *, base_model: str | None = None, max_length: int | None = None
    ) -> TrainingSheetLengths:
        """See `Client`."""
        return lengths(self._services, sheet_id, base_model, max_length)

    @needs(Role.VIEWER)
    @heavy
    def near_duplicates(self, sheet_id: str) -> TrainingSheetNearDuplicates:
        """See `Client`."""
        return near_duplicates(self._services, sheet_id)

    @needs(Role.VIEWER)
    @heavy
    def what_lifting_adds(self, sheet_id: str) -> TrainingSheetLifting:
        """See `Client`."""
        return what_lifting_adds(self._services, sheet_id)

    @needs(Role.VIEWER)
    def sheet_versions(self, sheet_id: str) -> TrainingSheetVersions:
        """See `Client`."""
        return SheetVersions(self._services.source, self._services.settings).list(sheet_id)

    @needs(Role.VIEWER)
    @heavy
    def sheet_diff(
        self,
        old: str,
        new: str,
        *,
        changes: Collection[SheetChange] = (),
        page_size: int = 100,
        cursor: str | None = None,
    ) -> TrainingSheetDiff:
        """See `Client`."""
        kept = SheetVersions(self._services.source, self._services.settings)
        return kept.diff(old, new, changes=changes, page_size=page_size, cursor=cursor)

    @needs(Role.VIEWER)
    @heavy
    def preview(self, sheet_id: str, *, limit: int = 5) -> TrainingSheetPreview:
        """See `Client`."""
        with self._services.source.open(sheet_id) as opened:
            trainable = opened.sheet.status in TRAINABLE_SHEETS
            withdrawn = self._services.revocations.withdrawn(sheet_id)
            lines = preview(opened, self._services.policy, limit, withdrawn=withdrawn) if trainable else []
        return TrainingSheetPreview(training_sheet_id=sheet_id, trainable=trainable, lines=lines)

    @needs(Role.OPERATOR)
    def look_at_upload(self, upload: Upload, asked: ImportTrainingSheet) -> ImportDryRun:
        """What an upload would become, which the REST API asks for with `dry_run`; makes no training sheet."""
        found = self._services.imports.look(upload, asked.request(), replace=asked.replace)
        return ImportDryRun.of(upload, found)

    @needs(Role.OPERATOR)
    def import_upload(self, upload: Upload, asked: ImportTrainingSheet) -> TrainingSheetDetails:
        """The training sheet made of an upload, which is deleted: in review, unless a steward says otherwise."""
        self._services.imports.create(upload, asked.request(), self.caller, replace=asked.replace)
        return self.training_sheet(asked.id)

    @needs(Role.OPERATOR)
    def upload(self, upload_id: str) -> Upload:
        """An upload of the caller's own; raises `NotFound`."""
        return self._services.imports.uploads.get(upload_id, self.caller.name)

    @needs(Role.OPERATOR)
    def discard_upload(self, upload_id: str) -> None:
        """Delete an upload of the caller's own; raises `NotFound`."""
        self._services.imports.uploads.delete(self.upload(upload_id))

    @needs(Role.OPERATOR)
    def import_prefixes(self) -> tuple[BucketLocation, ...]:
        """What may be imported from buckets lies below these; the REST API does not offer this."""
        return self._services.settings.import_prefixes

    @needs(Role.OPERATOR)
    def fetch_upload(self, url: str, *, version: str | None = None) -> Upload:
        """A new upload of the caller's, fetched from a bucket; raises what `Fetching.fetch` does."""
        return self._services.imports.fetching.fetch(self.caller.name, url, version=version)

    @needs(Role.OPERATOR)
    def receive_upload(self, name: str) -> AbstractContextManager[Receiving]:
        """A new upload of the caller's, to be written in the context; raises `UploadTooLarge`."""
        return self._services.imports.uploads.receive(self.caller.name, name)

    @needs(Role.STEWARD)
    def approve_sheet(self, sheet_id: str, body: Mapping[str, Any] | ApproveTrainingSheet) -> TrainingSheetDetails:
        """See `Client`."""
        asked = checked(ApproveTrainingSheet, body)
        self._services.imports.approve(sheet_id, digest=asked.digest, caller=self.caller)
        return self.training_sheet(sheet_id)

    @needs(Role.STEWARD)
    def edit_pairs(self, sheet_id: str, body: Mapping[str, Any] | EditTrainingSheetPairs) -> TrainingSheetEdit:
        """See `Client`."""
        asked = checked(EditTrainingSheetPairs, body)
        edits, actor = self._services.sheet_edits, self.caller.name
        self._services.source.get(sheet_id)
        made = edits.edit(sheet_id, asked.pair_ids, asked.edit(), digest=asked.digest, actor=actor)
        return TrainingSheetEdit.of(made)

    @needs(Role.STEWARD)
    def undo_edit(
        self, sheet_id: str, number: int, body: Mapping[str, Any] | UndoTrainingSheetEdit
    ) -> TrainingSheetEdit:
        """See `Client`."""
        asked = checked(UndoTrainingSheetEdit, body)
        self._services.source.get(sheet_id)
        made = self._services.sheet_edits.undo(sheet_id, number, digest=asked.digest, actor=self.caller.name)
        return TrainingSheetEdit.of(made)

    @needs(Role.STEWARD)
    def take_over_sheet(self, sheet_id: str, body: Mapping[str, Any] | TakeOverTrainingSheet) -> TrainingSheetDetails:
        """See `Client`."""
        asked = checked(TakeOverTrainingSheet, body)
        self._services.source.get(sheet_id)
        take_sheet_over(self._services, sheet_id, digest=asked.digest, actor=self.caller.name)
        return self.training_sheet(sheet_id)

    @needs(Role.VIEWER)
    def sheet_edits(
        self,
        sheet_id: str,
        *,
        pair_id: str | None = None,
        page: int | None = None,
        page_size: int = 50,
        cursor: str | None = None,
    ) -> TrainingSheetEdits:
        """See `Client`."""
        return edit_page(self._services, sheet_id, pair_id=pair_id, page=page, page_size=page_size, cursor=cursor)

    @needs(Role.STEWARD)
    def pair_text(self, sheet_id: str, pair_id: str) -> tuple[tuple[str, str], ...]:
        """Role and content of each message of a pair that may be edited; the REST API does not offer this."""
        return pair_text(self._services, sheet_id, pair_id)
