"""pgbench's bare update + insert: the limit of one commit a request, without Python, keys or books."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from sqlalchemy import make_url

from tests import postgres

SCRIPT = """
\\set w random({least}, {most})
BEGIN;
UPDATE bench_users SET balance = balance - 1 WHERE id = :w AND balance >= 1 RETURNING balance;
INSERT INTO bench_log (user_id, amount, note) VALUES (:w, 1, 'spend');
COMMIT;
"""


def seconds_each(url: str, folder: Path, clients: int, wallets: int, seconds: float, *, hot: bool) -> float:
    """Seconds per spend with so many clients at once."""
    script = folder / ("hot.sql" if hot else "many.sql")
    script.write_text(SCRIPT.format(least=0 if hot else 1, most=0 if hot else wallets))
    address = make_url(url)
    command = [postgres.tool("pgbench"), "-n", "-M", "prepared", "-c", clients, "-j", min(clients, 2)]
    command += ["-T", max(1, round(seconds)), "-f", script, "-h", address.host, "-p", address.port]
    command += ["-U", address.username, address.database]
    said = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True, timeout=600)
    found = re.search(r"^tps = ([0-9.]+)", said.stdout, re.MULTILINE)
    assert found is not None, said.stdout
    return 1 / float(found[1])
