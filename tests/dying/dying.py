"""What is about to happen to some books, in processes that die on the way: each on a copy, and started again.

A child that has done it once, and so knows every statement, forks one that dies instead of its n-th. What that one left
behind is gone on with as after a restart, and must be row by row what the books are where nobody died.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy import Engine, make_url, select

from billing import Busy, Catalog, Gateway
from billing.base.clock import SystemClock
from billing.base.db import metadata
from billing.base.outbox import outbox
from billing.stripe import signature
from billing.testing import TestBilling, open_billing
from tests.buying.shop import KEY, SECRET
from tests.concurrency.crashes import DIED, die_at
from tests.databases import Engines

MOST = 400
"""Statements, after which it will not get through any more."""

State = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Scene:
    """Books at `url` that nobody is connected to, and what happens next: `told` arrives, or, without it, time has
    gone on to `at` and what is due is done.
    """

    name: str
    url: str
    stripe: str
    at: datetime
    catalog: Catalog
    told: tuple[bytes, ...] = ()

    def act(self, billing: TestBilling) -> None:
        for body in self.told:
            billing.receive_stripe_event(body, signature.sign(body, SECRET, SystemClock().now()))
        while not self.told and billing.catch_up():
            pass

    def again(self, billing: TestBilling, *, step_first: bool) -> None:
        """After the restart: the step finds what was stored, and Stripe, which got no answer, sends it again."""
        for _ in range(20):
            try:
                while step_first and billing.handle_stripe_events():
                    pass
                self.act(billing)
                while billing.handle_stripe_events():
                    pass
            except Busy:  # a dead process's locks, until the database has noticed
                continue
            return


@dataclass
class Found:
    """`statements` of it that nobody may die at; in how many copies somebody `died`; `wrong`: what was otherwise."""

    name: str
    statements: int
    died: int
    wrong: list[str]


def play(scene: Scene, every: int) -> Found:
    """In a process of its own: dies at the first statement, at every n-th from there and at the last."""
    engines, audited = Engines(), set[str]()
    with copied(scene.url) as url, opened(scene, url, engines) as billing:
        scene.act(billing)
        whole, wrong = state(billing.database.engine), audit(billing, audited)
        wrong += [f"{one.type} {one.status}: {one.reason}" for one in billing.stripe_events()
                  if one.status not in ("done", "ignored")]  # fmt: skip
    found = Found(scene.name, 0, 0, wrong)

    def dies(statement: int) -> bool:
        with copied(scene.url) as url:
            ended = end(lambda: _until(scene, url, engines, statement))
            if ended != DIED:
                found.wrong += [] if ended == 0 else [f"at {statement}: ended with {ended}"]
                return False
            found.died += 1
            with opened(scene, url, engines) as billing:
                left = audit(billing, audited)
                scene.again(billing, step_first=statement % 2 == 0)
                now = state(billing.database.engine)
                left += audit(billing, audited)
            found.wrong += [f"died at statement {statement}: {one}" for one in [*left, *differences(whole, now)]]
        return True

    statement = 1
    while dies(statement) and statement < MOST:
        statement += every
    through = statement
    while through > statement - every + 1 and not dies(through - 1):
        through -= 1
    found.statements = through - 1
    return found


def _until(scene: Scene, url: str, engines: Engines, statement: int) -> None:
    with opened(scene, url, engines) as billing:
        billing.customers(limit=1)  # the connection is open and looked at: what is counted is the act's own
        die_at(statement)
        scene.act(billing)
        os._exit(0)


def end(act: Callable[[], None]) -> int:
    """How a fork of this process that does this ends."""
    child = os.fork()
    if child == 0:
        try:
            act()
        finally:
            os._exit(99)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


@contextmanager
def opened(scene: Scene, url: str, engines: Engines) -> Iterator[TestBilling]:
    billing = open_billing(
        url, catalog=scene.catalog, start=scene.at, migrate=False, webhook_secrets=(SECRET,),
        gateway=Gateway(KEY, scene.stripe),
    )  # fmt: skip
    billing.database.engine = engines.lend(url)
    try:
        yield billing
    finally:
        engines.take_back(billing.database.engine)


def audit(billing: TestBilling, audited: set[str]) -> list[str]:
    """What the audit says of books that it has not seen yet."""
    seen = hashlib.sha256(repr(state(billing.database.engine)).encode()).hexdigest()
    if seen in audited:
        return []
    audited.add(seen)
    return [str(breach) for breach in billing.audit()]


def state(engine: Engine) -> State:
    """Every row of ours, but for the random id of what is to be told."""
    with engine.connect() as connection:
        return {
            table.name: sorted(
                (tuple(row) for row in connection.execute(select(*(c for c in table.c if c is not outbox.c.id)))),
                key=repr,
            )
            for table in metadata.sorted_tables
        }


def differences(whole: State, now: State) -> list[str]:
    return [
        f"{name} differs: {[row for row in whole[name] if row not in now[name]]} became "
        f"{[row for row in now[name] if row not in whole[name]]}"
        for name in whole
        if whole[name] != now[name]
    ]


@contextmanager
def copied(url: str) -> Iterator[str]:
    """A copy of the database, as long as it is looked at."""
    if url.startswith("sqlite"):
        source = Path(url.removeprefix("sqlite:///"))
        copy = source.with_name(f"{uuid4().hex}.sqlite3")
        shutil.copyfile(source, copy)
        yield f"sqlite:///{copy}"
        for file in copy.parent.glob(f"{copy.name}*"):
            file.unlink()
        return
    name = str(make_url(url).database)
    made = f"{name.rpartition('_')[0]}_{uuid4().hex[:12]}"  # a name by which the tests' databases are cleared away
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(made), sql.Identifier(name))
    with _administering(url) as connection:
        for _ in range(3):
            try:
                connection.execute(statement)
                break
            except psycopg.errors.ObjectInUse:  # the server has not noticed yet that its last client has gone
                time.sleep(0.1)
    yield make_url(url).set(database=made).render_as_string(hide_password=False)
    with _administering(url) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(made)))


@contextmanager
def _administering(url: str) -> Iterator[psycopg.Connection]:
    plain = make_url(url).set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        yield connection


def children(count: int = 1) -> ProcessPoolExecutor:
    """Clean ones, without a thread, so that they may fork."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["billing", "stripe", "tests.dying.dying"])
    return ProcessPoolExecutor(count, mp_context=context)
