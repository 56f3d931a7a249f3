"""Databases for the tests that want one, and the books audited after each of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import freezegun
import hypothesis
import pytest

from billing import Billing
from billing.testing import TestBilling, open_billing
from tests import databases, left_open, purse
from tests.sandbox.serving import listener, sandbox, stripe_client, stripe_rules, stripe_schema, watch

__all__ = [
    "listener",
    "sandbox",
    "stripe_client",
    "stripe_rules",
    "stripe_schema",
    "watch",
]  # the sandbox's fixtures, for all tests

BOTH = ("sqlite", "postgresql")

# `make e2e` installs what these stand on.
collect_ignore = [] if find_spec("playwright") else ["browser"]

HAS_PURSE = purse.WANTED
"""`PURSE=out`: this run of the tests goes without it, and has to be as green."""

# These wait by the clock: frozen, an exhausted pool would wait for ever.
freezegun.configure(extend_ignore_list=["sqlalchemy.util.queue", "psycopg_pool", "apscheduler.schedulers"])

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("house", deadline=None, print_blob=True)
hypothesis.settings.load_profile("house")

room_key = pytest.StashKey[databases.Room]()
copy_key = pytest.StashKey[str]()
engines_key = pytest.StashKey[databases.Engines]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[engines_key] = databases.Engines()
    left_open.watch()
    shared = getattr(config, "workerinput", None)
    if shared is None:
        config.stash[room_key] = databases.Room.new()
    else:
        config.stash[room_key] = databases.Room(Path(shared["room"]), shared["owner"])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    room = node.config.stash[room_key]
    node.workerinput |= {"room": str(room.folder), "owner": room.owner}


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and room_key in config.stash:
        config.stash[room_key].close()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who is allowed more time than others comes first, a share at each worker: none is left alone with one at the end.

    The workers get equal parts of the list, one after the other, and then take from what others have not begun.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers == 1:
        return
    long = [item for item in items if item.get_closest_marker("timeout")]
    long.sort(key=lambda item: -item.get_closest_marker("timeout").args[0])  # type: ignore[union-attr]
    others = iter([item for item in items if not item.get_closest_marker("timeout")])
    total = len(items)
    items.clear()
    for worker in range(workers):
        its = long[worker::workers]
        part = (total - len(items)) // (workers - worker)
        items += [*its, *islice(others, max(0, part - len(its)))]
    items += others


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    yield
    left = left_open.told()
    assert not left, "this test left open what it should have closed:\n" + "\n".join(left)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What uses a database runs on both; `@pytest.mark.database("sqlite")` names one, `@pytest.mark.quick_on("sqlite")`
    leaves the other to `make check`.
    """
    if "dialect" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker("database")
    quick = metafunc.definition.get_closest_marker("quick_on")
    names = mark.args if mark else BOTH
    metafunc.parametrize(
        "dialect",
        [pytest.param(name, marks=pytest.mark.slow) if quick and name not in quick.args else name for name in names],
    )


@dataclass
class Auditor:
    """Audits what a test leaves behind; `catalog` is what the test's engine sold by."""

    engines: databases.Engines
    catalog: Any = None
    wanted: bool = True

    def look(self, url: str) -> None:
        if not self.wanted:
            return
        billing = Billing(url, catalog=self.catalog)
        billing.database.engine = self.engines.lend(url)
        try:
            breaches = billing.audit()
        finally:
            self.engines.take_back(billing.database.engine)
        assert not breaches, "the books do not add up after this test:\n" + "\n".join(map(str, breaches))


@pytest.fixture
def auditor(request: pytest.FixtureRequest) -> Auditor:
    """The invariants hold after every test, but for those that break them on purpose (`breaks_books`).

    `make_billing` tells it the catalog; who opens an engine with a catalog otherwise does so, too.
    """
    wanted = request.node.get_closest_marker("breaks_books") is None
    return Auditor(request.config.stash[engines_key], wanted=wanted)


@pytest.fixture
def database_url(dialect: str, auditor: Auditor, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated, empty database (on PostgreSQL the worker's own, emptied), audited at the end."""
    room, stash = request.config.stash[room_key], request.config.stash
    if dialect == "sqlite":
        url = _sqlite_copy(room, tmp_path / "billing.sqlite3")
    else:
        if copy_key not in stash:
            stash[copy_key] = room.postgres_copy()
        url = stash[copy_key]
        databases.empty(url)
    yield url
    auditor.look(url)


@pytest.fixture
def fresh_database_url(dialect: str, auditor: Auditor, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database that nothing else has touched or will: for races and crashes. Audited after."""
    room = request.config.stash[room_key]
    if dialect == "sqlite":
        url = _sqlite_copy(room, tmp_path / "fresh.sqlite3")
        yield url
        auditor.look(url)
        return
    url = room.postgres_copy()
    try:
        yield url
        auditor.look(url)
    finally:
        room.drop(url)


@pytest.fixture
def empty_database_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without a table, for the migrations."""
    if dialect == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
        return
    room = request.config.stash[room_key]
    url = room.postgres_empty()
    try:
        yield url
    finally:
        room.drop(url)


@pytest.fixture
def make_billing(database_url: str, auditor: Auditor) -> Iterator[Callable[..., TestBilling]]:
    """`make_billing(catalog=…, start=…)`: an engine on the test's database whose clock stands still.

    `url` is another database, such as a fresh one.
    """
    opened: list[TestBilling] = []

    def make(*, url: str = database_url, **options: Any) -> TestBilling:
        opened.append(open_billing(url, migrate=False, **options))
        opened[-1].database.engine = auditor.engines.lend(url)
        auditor.catalog = opened[-1].catalog
        return opened[-1]

    yield make
    for billing in opened:
        auditor.engines.take_back(billing.database.engine)


def _sqlite_copy(room: databases.Room, path: Path) -> str:
    shutil.copyfile(room.sqlite_template, path)
    return f"sqlite:///{path}"
