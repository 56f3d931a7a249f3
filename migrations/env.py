"""How Alembic runs our migrations: on the connection it is given, and blind to whatever is not ours."""

from collections.abc import MutableMapping
from typing import Any

from alembic import context

VERSION_TABLE = "billing_alembic_version"


def ours(name: str | None, type_: str, _parents: MutableMapping[Any, str | None]) -> bool:
    """A host keeps its own tables in the same database: nothing but `billing_…` is looked at."""
    if type_ == "schema":
        return name is None
    return type_ != "table" or (name or "").startswith("billing_")


attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    target_metadata=attributes.get("metadata"),
    version_table=VERSION_TABLE,
    include_name=ours,
    include_schemas=False,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
