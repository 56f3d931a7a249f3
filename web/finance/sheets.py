"""Tables as CSV, for spreadsheets: a text that one would take for a formula is told apart."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from flask import Response

Cell = str | int | datetime | None

_BEGINS = "=+@\\-＝＋－＠"  # wide ones, too: some take them for the narrow ones
_FORMULA = re.compile(f"(^|[;\\t\\r\\n])(?=[{_BEGINS}])|^(?=[\\t\\r\\n])")
"""Where one would begin: at the start, and behind what some spreadsheets take for the end of a cell."""


def sheet(name: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Response:
    """A file of that name. Times are ISO 8601 in UTC, numbers plain."""
    written = io.StringIO()
    out = csv.writer(written, lineterminator="\r\n")
    out.writerow(columns)
    for row in rows:
        out.writerow([_cell(cell) for cell in row])
    response = Response(written.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def _cell(cell: Cell) -> str | int:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.isoformat().replace("+00:00", "Z")
    if isinstance(cell, int):
        return cell
    return _FORMULA.sub(r"\1'", cell)
