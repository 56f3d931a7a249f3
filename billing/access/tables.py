"""Tables of who may ask."""

from __future__ import annotations

import sqlalchemy as sa

from billing.base.db import metadata
from billing.base.types import Json, UTCDateTime

api_keys = sa.Table(
    "billing_api_keys",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("created_at", UTCDateTime, nullable=False),
    sa.Column("revoked_at", UTCDateTime),
)
"""`digest` is the HMAC-SHA256 of the secret, in hex: what is stored opens nothing."""

staff = sa.Table(
    "billing_staff",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("email", sa.Text, nullable=False, unique=True),  # in lower case
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("password", sa.Text),  # Argon2's own text; none before it is set
    sa.Column("link", sa.Text, unique=True),  # the digest of the link that sets the password, once
    sa.Column("link_until", UTCDateTime),
    sa.Column("created_at", UTCDateTime, nullable=False),
    sa.Column("disabled_at", UTCDateTime),
    sa.CheckConstraint("role IN ('viewer', 'reviewer', 'approver', 'admin')", name="role"),
)
"""Who of the business may look at the books, and what else they may."""

staff_sessions = sa.Table(
    "billing_staff_sessions",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("staff_id", sa.Text, nullable=False, index=True),
    sa.Column("created_at", UTCDateTime, nullable=False),
    sa.Column("seen_at", UTCDateTime, nullable=False),
    sa.Column("ends_at", UTCDateTime, nullable=False),  # however busy it is
    sa.Column("ended_at", UTCDateTime),
    sa.ForeignKeyConstraint(["staff_id"], ["billing_staff.id"]),
)
"""Who is signed in. `digest` is the SHA-256 of what the cookie holds."""

sign_in_attempts = sa.Table(
    "billing_sign_in_attempts",
    metadata,
    sa.Column("subject", sa.Text, primary_key=True),  # an account or an address, as a digest
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("since", UTCDateTime, nullable=False, index=True),
)
"""How often somebody has tried to sign in of late."""
