"""Tables and figures on a terminal; plain columns where the output goes elsewhere."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_RIGHT = frozenset({"credits", "available", "granted", "remaining", "change", "paid", "attempts"})
_WIDE = 100_000


def table(columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> None:
    """Prints the rows under their columns. Without a terminal: no lines, no colours, nothing cut off."""
    terminal = sys.stdout.isatty()
    shown = Table(box=box.SIMPLE_HEAD if terminal else None, pad_edge=False)
    for name in columns:
        shown.add_column(name, justify="right" if name in _RIGHT else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(cell or "–") for cell in row))
    if terminal:
        Console().print(shown)
        return
    written = io.StringIO()
    Console(file=written, width=_WIDE, no_color=True).print(shown)
    for line in written.getvalue().splitlines():
        click.echo(line.rstrip())


def when(at: datetime | None) -> str | None:
    """To the second, sortable."""
    return None if at is None else at.strftime("%Y-%m-%d %H:%M:%S")


def signed(text: str, number: int) -> str:
    return f"+{text}" if number > 0 else text
