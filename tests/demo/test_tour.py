"""`billing demo --tour`: the story in the terminal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.demo.test_served import COMMAND, environment


def test_the_tour_tells_it_all(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = subprocess.run(
        [*COMMAND, "--tour"], cwd=tmp_path, env=environment(TMPDIR=str(temporary)),
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    text = done.stdout
    told = [
        "subscribes to Basic by Stripe Checkout and pays $19.00",
        "Granted: 1,000 credits",
        "Nothing is granted again. Available: 1,000.",
        "100 from “Welcome bonus”, 80 from “Basic plan, March 2026”",
        "the same receipt, nothing taken. Available: 920.",
        "Refused: 600 are needed, 220 are there",
        "their card is declined: nothing is granted. Available: 220.",
        "1,000 credits for $25.00",
        "The plan has renewed: 1,000 credits",
        "130 credits expired, with $2.47",
        "250 credits are given back",
        "Half of the pack's price is given back by Stripe, $12.50: 500 credits",
        "the 650 credits left of it are set aside. Available: 500.",
        "The dispute is won: they are there again. Available: 1,150.",
        "Statement of Team 42",
        "Sold 6,300 cents = deferred 2,485 (still in buckets) + earned 2,318 + broken 247 (expired) + refunded 1,250.",
        "Audit: clean",
    ]
    places = [text.find(part) for part in told]
    assert -1 not in places, told[places.index(-1)]
    assert places == sorted(places)
    assert "\x1b" not in text, "a pipe gets plain text"
    assert not list(temporary.iterdir())
    assert [path.name for path in tmp_path.iterdir()] == ["temporary"]


def test_the_wheel_knows_the_demo() -> None:
    """It is found by name when it is called, and not loaded before."""
    code = "import sys, web.cli; assert 'web.demo.run' not in sys.modules; assert 'flask' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env=environment(), timeout=60)
