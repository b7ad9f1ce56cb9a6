"""The examples that people revoked, by their hashes; sheets and questions may be revoked.

Revision ID: 0032
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Create the table. For revocations of before it is filled once their training sheet is trained on again."""
    op.drop_constraint(op.f("ck_revocations_kind"), "revocations", type_="check")
    op.create_check_constraint(
        op.f("ck_revocations_kind"),
        "revocations",
        "kind IN ('pair', 'item', 'label', 'row_hash', 'question_hash', 'sheet', 'rows')",
    )
    op.create_table(
        "revoked_examples",
        sa.Column("training_sheet_id", sa.Text(), nullable=False),
        sa.Column("revocation_id", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("hash_key", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["revocation_id"], ["revocations.id"], name=op.f("fk_revoked_examples_revocation_id")),
        sa.PrimaryKeyConstraint("training_sheet_id", "revocation_id", "hash", name=op.f("pk_revoked_examples")),
    )
