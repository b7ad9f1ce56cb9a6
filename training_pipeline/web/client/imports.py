"""Uploads and the training sheets that are made of them, as pages ask for them."""

from __future__ import annotations

from training_pipeline.client.local import LocalClient
from training_pipeline.client.roles import least_role
from training_pipeline.domain.bucket_location import BucketLocation
from training_pipeline.schemas.sheet_import import ImportDryRun, ImportTrainingSheet
from training_pipeline.schemas.training_sheet import TrainingSheetDetails
from training_pipeline.uploads.staging import Upload
from training_pipeline.web.client.base import PageCalls, thread


class ImportCalls(PageCalls):
    """Uploads and the training sheets that are made of them, as pages ask for them."""

    @property
    def may_import(self) -> bool:
        """Whether the caller may make training sheets of uploads."""
        return self.caller.may_act_as(least_role(LocalClient.import_upload))

    @property
    def may_approve(self) -> bool:
        """Whether the caller may say that a training sheet may be trained on."""
        return self.caller.may_act_as(least_role(LocalClient.approve_sheet))

    @property
    def import_prefixes(self) -> tuple[BucketLocation, ...]:
        """What the caller may import from buckets lies below these; none where no bucket is allowed."""
        return self.local.import_prefixes() if self.may_import else ()

    async def fetch_upload(self, url: str, version: str | None) -> Upload:
        """A new upload, fetched from a bucket."""
        return await thread(lambda: self.local.fetch_upload(url, version=version))

    async def look_at_upload(self, upload_id: str, asked: ImportTrainingSheet) -> ImportDryRun:
        """What an upload would become."""
        return await thread(lambda: self.local.look_at_upload(self.local.upload(upload_id), asked))

    async def import_upload(self, upload_id: str, asked: ImportTrainingSheet) -> TrainingSheetDetails:
        """The training sheet made of an upload."""
        return await thread(lambda: self.local.import_upload(self.local.upload(upload_id), asked))

    async def discard_upload(self, upload_id: str) -> None:
        """Delete an upload."""
        await thread(self.local.discard_upload, upload_id)

    async def approve_sheet(self, sheet_id: str, digest: str) -> TrainingSheetDetails:
        """The training sheet, approved."""
        return await thread(self.local.approve_sheet, sheet_id, {"digest": digest})
