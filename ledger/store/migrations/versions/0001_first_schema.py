"""The first schema, and the triggers that keep the audit logs append-only."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


_APPEND_ONLY = ("audit_entry", "tree_node")
_POSTGRESQL_REFUSAL = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$
"""


def upgrade() -> None:  # noqa: PLR0915 - one statement a table or index
    op.create_table(
        "access_event",
        sa.Column("from_block", sa.BigInteger(), nullable=False),
        sa.Column("to_block", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("log", sa.LargeBinary(length=32), nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("leaf", sa.LargeBinary(length=32), nullable=False),
        sa.Column("study", sa.LargeBinary(length=32), nullable=False),
        sa.Column("engine", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("from_block", "place", "log", "index", name=op.f("pk_access_event")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_access_event_key", "access_event", ["log", "index", "from_block", "place"], unique=False)
    op.create_index(
        "ix_access_event_to_block",
        "access_event",
        ["to_block"],
        unique=False,
        sqlite_where=sa.text("to_block IS NOT NULL"),
        postgresql_where=sa.text("to_block IS NOT NULL"),
    )
    op.create_table(
        "anchored_head",
        sa.Column("from_block", sa.BigInteger(), nullable=False),
        sa.Column("to_block", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("log", sa.LargeBinary(length=32), nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("from_block", "place", "log", name=op.f("pk_anchored_head")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_anchored_head_key", "anchored_head", ["log", "from_block", "place"], unique=False)
    op.create_index(
        "ix_anchored_head_to_block",
        "anchored_head",
        ["to_block"],
        unique=False,
        sqlite_where=sa.text("to_block IS NOT NULL"),
        postgresql_where=sa.text("to_block IS NOT NULL"),
    )
    op.create_table(
        "audit_log",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("log", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_log")),
        sa.UniqueConstraint("log", name=op.f("uq_audit_log_log")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "block",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("parent", sa.LargeBinary(length=32), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_block")),
        sa.UniqueConstraint("hash", name=op.f("uq_block_hash")),
    )
    op.create_table(
        "consent",
        sa.Column("from_block", sa.BigInteger(), nullable=False),
        sa.Column("to_block", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("subject", sa.LargeBinary(length=32), nullable=False),
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("scope_effect", sa.Integer(), nullable=False),
        sa.Column("scope_recipient_kind", sa.Integer(), nullable=False),
        sa.Column("scope_recipient", sa.LargeBinary(length=32), nullable=False),
        sa.Column("scope_purposes", sa.Integer(), nullable=False),
        sa.Column("scope_conditions", sa.Integer(), nullable=False),
        sa.Column("scope_operations", sa.Integer(), nullable=False),
        sa.Column("scope_categories", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("scope_valid_from", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("scope_valid_until", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("scope_data_from", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("scope_data_until", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("scope_diseases", sa.LargeBinary(length=20), nullable=False),
        sa.Column("scope_terms", sa.LargeBinary(length=32), nullable=False),
        sa.Column("terms_version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("valid_until", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("from_block", "place", "subject", "id", name=op.f("pk_consent")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_consent_key", "consent", ["subject", "id", "from_block", "place"], unique=False)
    op.create_index(
        "ix_consent_to_block",
        "consent",
        ["to_block"],
        unique=False,
        sqlite_where=sa.text("to_block IS NOT NULL"),
        postgresql_where=sa.text("to_block IS NOT NULL"),
    )
    op.create_table(
        "engine",
        sa.Column("from_block", sa.BigInteger(), nullable=False),
        sa.Column("to_block", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("institution", sa.LargeBinary(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("signer", sa.LargeBinary(), nullable=False),
        sa.Column("operations", sa.Integer(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("from_block", "place", "id", name=op.f("pk_engine")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_engine_key", "engine", ["id", "from_block", "place"], unique=False)
    op.create_index(
        "ix_engine_to_block",
        "engine",
        ["to_block"],
        unique=False,
        sqlite_where=sa.text("to_block IS NOT NULL"),
        postgresql_where=sa.text("to_block IS NOT NULL"),
    )
    op.create_table(
        "institution",
        sa.Column("from_block", sa.BigInteger(), nullable=False),
        sa.Column("to_block", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("signer", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("from_block", "place", "id", name=op.f("pk_institution")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_institution_key", "institution", ["id", "from_block", "place"], unique=False)
    op.create_index(
        "ix_institution_to_block",
        "institution",
        ["to_block"],
        unique=False,
        sqlite_where=sa.text("to_block IS NOT NULL"),
        postgresql_where=sa.text("to_block IS NOT NULL"),
    )
    op.create_table(
        "mirror_cursor",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mirror_cursor")),
    )
    op.create_table(
        "outbox_item",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("subject", sa.LargeBinary(length=32), nullable=True),
        sa.Column("act", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("transaction_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("block", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_outbox_item")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_item_block", "outbox_item", ["block"], unique=False)
    op.create_index("ix_outbox_item_digest", "outbox_item", ["digest", "sequence"], unique=False)
    op.create_index("ix_outbox_item_state", "outbox_item", ["state", "sequence"], unique=False)
    op.create_index("ix_outbox_item_subject", "outbox_item", ["subject", "sequence"], unique=False)
    op.create_index(
        "uq_outbox_item_digest",
        "outbox_item",
        ["digest"],
        unique=True,
        sqlite_where=sa.text("state <> 4"),
        postgresql_where=sa.text("state <> 4"),
    )
    op.create_table(
        "pause",
        sa.Column("from_block", sa.BigInteger(), nullable=False),
        sa.Column("to_block", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("from_block", "place", name=op.f("pk_pause")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_pause_to_block",
        "pause",
        ["to_block"],
        unique=False,
        sqlite_where=sa.text("to_block IS NOT NULL"),
        postgresql_where=sa.text("to_block IS NOT NULL"),
    )
    op.create_table(
        "refusal",
        sa.Column("from_block", sa.BigInteger(), nullable=False),
        sa.Column("to_block", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("from_block", "place", "digest", name=op.f("pk_refusal")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_refusal_key", "refusal", ["digest", "from_block", "place"], unique=False)
    op.create_index(
        "ix_refusal_to_block",
        "refusal",
        ["to_block"],
        unique=False,
        sqlite_where=sa.text("to_block IS NOT NULL"),
        postgresql_where=sa.text("to_block IS NOT NULL"),
    )
    op.create_table(
        "reviewer",
        sa.Column("from_block", sa.BigInteger(), nullable=False),
        sa.Column("to_block", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("signer", sa.LargeBinary(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("from_block", "place", "id", name=op.f("pk_reviewer")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_reviewer_key", "reviewer", ["id", "from_block", "place"], unique=False)
    op.create_index(
        "ix_reviewer_to_block",
        "reviewer",
        ["to_block"],
        unique=False,
        sqlite_where=sa.text("to_block IS NOT NULL"),
        postgresql_where=sa.text("to_block IS NOT NULL"),
    )
    op.create_table(
        "signer",
        sa.Column("from_block", sa.BigInteger(), nullable=False),
        sa.Column("to_block", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("subject", sa.LargeBinary(length=32), nullable=False),
        sa.Column("signer", sa.LargeBinary(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("form", sa.LargeBinary(length=32), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("from_block", "place", "subject", "signer", name=op.f("pk_signer")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_signer_key", "signer", ["subject", "signer", "from_block", "place"], unique=False)
    op.create_index(
        "ix_signer_to_block",
        "signer",
        ["to_block"],
        unique=False,
        sqlite_where=sa.text("to_block IS NOT NULL"),
        postgresql_where=sa.text("to_block IS NOT NULL"),
    )
    op.create_table(
        "spent_id",
        sa.Column("from_block", sa.BigInteger(), nullable=False),
        sa.Column("to_block", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("subject", sa.LargeBinary(length=32), nullable=False),
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("from_block", "place", "subject", "id", name=op.f("pk_spent_id")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_spent_id_key", "spent_id", ["subject", "id", "from_block", "place"], unique=False)
    op.create_index(
        "ix_spent_id_to_block",
        "spent_id",
        ["to_block"],
        unique=False,
        sqlite_where=sa.text("to_block IS NOT NULL"),
        postgresql_where=sa.text("to_block IS NOT NULL"),
    )
    op.create_table(
        "study",
        sa.Column("from_block", sa.BigInteger(), nullable=False),
        sa.Column("to_block", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("institution", sa.LargeBinary(length=32), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("conditions", sa.Integer(), nullable=False),
        sa.Column("required_terms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ethics", sa.LargeBinary(length=32), nullable=False),
        sa.Column("ethics_until", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("diseases", sa.Text(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("from_block", "place", "id", name=op.f("pk_study")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_study_key", "study", ["id", "from_block", "place"], unique=False)
    op.create_index(
        "ix_study_to_block",
        "study",
        ["to_block"],
        unique=False,
        sqlite_where=sa.text("to_block IS NOT NULL"),
        postgresql_where=sa.text("to_block IS NOT NULL"),
    )
    op.create_table(
        "study_approval",
        sa.Column("from_block", sa.BigInteger(), nullable=False),
        sa.Column("to_block", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("study", sa.LargeBinary(length=32), nullable=False),
        sa.Column("reviewer", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("from_block", "place", "study", "reviewer", name=op.f("pk_study_approval")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_study_approval_key", "study_approval", ["study", "reviewer", "from_block", "place"], unique=False
    )
    op.create_index(
        "ix_study_approval_to_block",
        "study_approval",
        ["to_block"],
        unique=False,
        sqlite_where=sa.text("to_block IS NOT NULL"),
        postgresql_where=sa.text("to_block IS NOT NULL"),
    )
    op.create_table(
        "subject",
        sa.Column("from_block", sa.BigInteger(), nullable=False),
        sa.Column("to_block", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("custodian", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("from_block", "place", "id", name=op.f("pk_subject")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_subject_custodian", "subject", ["custodian", "id"], unique=False)
    op.create_index("ix_subject_key", "subject", ["id", "from_block", "place"], unique=False)
    op.create_index(
        "ix_subject_to_block",
        "subject",
        ["to_block"],
        unique=False,
        sqlite_where=sa.text("to_block IS NOT NULL"),
        postgresql_where=sa.text("to_block IS NOT NULL"),
    )
    op.create_table(
        "terms",
        sa.Column("from_block", sa.BigInteger(), nullable=False),
        sa.Column("to_block", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("from_block", "place", "hash", name=op.f("pk_terms")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_terms_key", "terms", ["hash", "from_block", "place"], unique=False)
    op.create_index(
        "ix_terms_to_block",
        "terms",
        ["to_block"],
        unique=False,
        sqlite_where=sa.text("to_block IS NOT NULL"),
        postgresql_where=sa.text("to_block IS NOT NULL"),
    )
    op.create_table(
        "transmission",
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sender", sa.LargeBinary(), nullable=False),
        sa.Column("nonce", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=True),
        sa.Column("block_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("succeeded", sa.Boolean(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_transmission")),
    )
    op.create_index("ix_transmission_block", "transmission", ["block"], unique=False)
    op.create_index(
        "ix_transmission_open",
        "transmission",
        ["sender", "nonce"],
        unique=False,
        sqlite_where=sa.text("final = 0"),
        postgresql_where=sa.text("final = false"),
    )
    op.create_table(
        "writer_lease",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_writer_lease")),
    )
    op.create_table(
        "audit_entry",
        sa.Column("log", sa.BigInteger(), nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("canonical", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(length=32), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("decision", sa.LargeBinary(length=32), nullable=True),
        sa.ForeignKeyConstraint(["log"], ["audit_log.number"], name="fk_audit_entry_log"),
        sa.PrimaryKeyConstraint("log", "index", name=op.f("pk_audit_entry")),
    )
    op.create_index(
        "ix_audit_entry_decision",
        "audit_entry",
        ["decision"],
        unique=False,
        sqlite_where=sa.text("decision IS NOT NULL"),
        postgresql_where=sa.text("decision IS NOT NULL"),
    )
    op.create_index(
        "uq_audit_entry_key",
        "audit_entry",
        ["log", "key"],
        unique=True,
        sqlite_where=sa.text("key IS NOT NULL"),
        postgresql_where=sa.text("key IS NOT NULL"),
    )
    op.create_table(
        "checkpoint",
        sa.Column("log", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["log"], ["audit_log.number"], name="fk_checkpoint_log"),
        sa.PrimaryKeyConstraint("log", "size", name=op.f("pk_checkpoint")),
    )
    op.create_table(
        "decision",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("log", sa.BigInteger(), nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("study", sa.LargeBinary(), nullable=False),
        sa.Column("engine", sa.LargeBinary(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("block_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("permitted", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("considered", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["log"], ["audit_log.number"], name="fk_decision_log"),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_decision")),
        sa.UniqueConstraint("id", name=op.f("uq_decision_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_decision_entry", "decision", ["log", "index"], unique=False)
    op.create_table(
        "event",
        sa.Column("block_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("log_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("block_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("transaction_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("topics", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["block_hash"], ["block.hash"], name="fk_event_block_hash"),
        sa.PrimaryKeyConstraint("block_hash", "log_index", name=op.f("pk_event")),
    )
    op.create_index("ix_event_block_number", "event", ["block_number", "log_index"], unique=False)
    op.create_table(
        "transmission_item",
        sa.Column("transaction_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["sequence"], ["outbox_item.sequence"], name="fk_transmission_item_sequence"),
        sa.ForeignKeyConstraint(
            ["transaction_hash"], ["transmission.hash"], name="fk_transmission_item_transaction_hash"
        ),
        sa.PrimaryKeyConstraint("transaction_hash", "place", name=op.f("pk_transmission_item")),
    )
    op.create_index("ix_transmission_item_sequence", "transmission_item", ["sequence"], unique=False)
    op.create_table(
        "tree_node",
        sa.Column("log", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.ForeignKeyConstraint(["log"], ["audit_log.number"], name="fk_tree_node_log"),
        sa.PrimaryKeyConstraint("log", "level", "index", name=op.f("pk_tree_node")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "decision_member",
        sa.Column("decision", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.LargeBinary(length=32), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Integer(), nullable=False),
        sa.Column("consent", sa.LargeBinary(length=32), nullable=True),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["decision"], ["decision.number"], name="fk_decision_member_decision"),
        sa.PrimaryKeyConstraint("decision", "subject", name=op.f("pk_decision_member")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_decision_member_subject", "decision_member", ["subject", "decision"], unique=False)
    _keep_append_only()


def _keep_append_only() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in _APPEND_ONLY:
            for change in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
                )
        return
    op.execute(_POSTGRESQL_REFUSAL)
    for table in _APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncation BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
