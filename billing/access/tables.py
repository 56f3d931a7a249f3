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
