"""`billing jobs`: the timetable's process, what is on it, what it did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from web.cli.group import Failed
from web.cli.opening import engine, migrated
from web.cli.printing import table, when

if TYPE_CHECKING:
    from jobs.runs import Run
    from jobs.standing import Standing
    from jobs.timetable import Job

TIME_FORMATS = tuple(f"%Y-%m-%d{between}%H:%M{rest}" for between in ("T", " ") for rest in ("", ":%S", "%z", ":%S%z"))


@click.group(invoke_without_command=True)
@click.pass_context
def jobs(ctx: click.Context) -> None:
    """Run the timetable in this process, until Ctrl-C. Several processes may: each slot is run once."""
    if ctx.invoked_subcommand is not None:
        return
    from jobs.process import serve
    from jobs.timetable import TIMETABLE
    from web import logs

    with engine() as billing:
        migrated(billing.database.engine)
        if not billing.clock.checked:
            raise Failed("The demo runs its jobs itself, by its own clock. To run one of them: billing jobs run NAME")
        click.echo(f"Running {', '.join(TIMETABLE)}; stop with Ctrl-C.")
        logs.configure()
        serve(billing)


@jobs.command("list")
def list_jobs() -> None:
    """Show the timetable, when each job ran last and how much it did, and what it means if it is late."""
    from jobs.standing import standings

    with engine() as billing:
        migrated(billing.database.engine)
        with billing.database.read() as tx:
            found = standings(tx)
    columns = ("job", "every", "last run", "status", "did", "runs", "failed", "lost", "did in all", "if it is late")
    table(columns, [_standing(one) for one in found])
    for one in found:
        if one.wrong is not None and one.last is not None:
            click.echo(f"{one.job.name}: {one.wrong}.")


@jobs.command()
@click.option("--job", "name", metavar="NAME", help="Only this one.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
def history(name: str | None, limit: int) -> None:
    """Show what ran, the newest first: which slots it covered, who ran it, how it went."""
    from jobs import runs
    from jobs.timetable import TIMETABLE

    if name is not None:
        _known(name)
    with engine() as billing:
        migrated(billing.database.engine)
        with billing.database.read() as tx:
            found = runs.history(tx, [name] if name else list(TIMETABLE), limit)
    columns = ("started", "job", "run", "slot", "missed since", "status", "rounds", "did", "seconds", "runner", "error")
    table(columns, [_line(run) for run in found])


@jobs.command()
@click.argument("name")
@click.option("--at", "at", metavar="TIME", type=click.DateTime(TIME_FORMATS),
              help="Run the slot that TIME (UTC unless it says otherwise) falls in, unless it was run.")  # fmt: skip
def run(name: str, at: datetime | None) -> None:
    """Run the job NAME now, once; with --at as cron would: for that slot, once, whoever asks how often."""
    from jobs.running import run as run_job
    from jobs.runs import Taken
    from web import logs

    job = _known(name)
    with engine() as billing:
        migrated(billing.database.engine)
        now = billing.clock.now()
        slot = now if at is None else job.slot_of(_in_utc(at))
        if slot > now:
            raise Failed(f"--at lies ahead: it is {when(now)} UTC.")
        logs.configure()
        done = run_job(billing, job, slot)
    if isinstance(done, Taken):
        by = done.by
        if by.status == "running":
            raise Failed(f"{name} is being run by {by.runner} since {when(by.started_at)}.")
        if by.status == "failed" and by.first_slot <= slot:
            again = f"The next slot covers it, or `billing jobs run {name}` now."
            raise Failed(f"{name}: the slot {when(slot)} was run by run {by.number}, which failed. {again}")
        if by.slot - now > job.every:
            raise Failed(
                f"Nothing was run: the last run of {name} was at {when(by.slot)}, and here it is {when(now)} UTC."
            )
        click.echo(f"{name}: the slot {when(slot)} was run before, by run {by.number} or an earlier one.")
        return
    did = "" if done.done is None else f", {job.counted(done.done)}"
    rounds = "1 round" if done.rounds == 1 else f"{done.rounds} rounds"
    click.echo(f"{name}: {done.status}, {rounds}{did}.")
    if done.status == "failed":
        raise Failed(done.error or "It failed: see the log.")


def _in_utc(at: datetime) -> datetime:
    try:
        return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    except OverflowError:
        raise click.UsageError("--at is no time that there was.") from None


def _known(name: str) -> Job:
    from jobs.timetable import TIMETABLE

    if name not in TIMETABLE:
        raise click.UsageError(f"There is no job {name!r}: there are {', '.join(TIMETABLE)}.")
    return TIMETABLE[name]


def _standing(one: Standing) -> tuple[str | None, ...]:
    job, last = one.job, one.last
    by_night = job.every == timedelta(days=1)
    every = f"day at {job.beginning:%H:%M}" if by_night else f"{job.every.total_seconds():g} s"
    if last is None:
        return (job.name, every, None, "never ran", *(None,) * 5, job.late)
    figures = (_figure(last.done), f"{one.runs:,}", f"{one.failed_runs:,}", f"{one.lost_runs:,}")
    return (job.name, every, when(last.started_at), last.status, *figures, job.counted(one.done_rows), job.late)


def _figure(figure: int | None) -> str | None:
    return None if figure is None else f"{figure:,}"


def _line(run: Run) -> tuple[str | None, ...]:
    missed = when(run.first_slot) if run.first_slot < run.slot else None
    seconds = None if run.ended_at is None else f"{(run.ended_at - run.started_at).total_seconds():.1f}"
    return (when(run.started_at), run.job, str(run.number), when(run.slot), missed, run.status, str(run.rounds),
            _figure(run.done), seconds, run.runner, run.error)  # fmt: skip
