"""How the house is kept: what no linter looks at."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-test.lock", "requirements-e2e.lock", "requirements-uv.lock")
LONGEST_FILE, LONGEST_FUNCTION = 300, 70

# Each with a bracket in it, so that this file does not find itself.
SECRETS = r"[sr]k_live_\w{8}|whsec[_][A-Za-z0-9+/]{32}|BEGIN [A-Z ]*PRIVATE[ ]KEY|AKIA[0-9A-Z]{16}"
PLACES = r"[p]ypi\.org|[p]ythonhosted\.org|[n]pmjs\.org|/[r]oot/|/[h]ome/\w"
UNFINISHED = r"\b[T]ODO|[F]IXME|\b[X]XX|[N]otImplementedError"
FORBIDDEN_LICENCES = ("GNU General Public", "GNU Affero", "GPL-2", "GPL-3", "AGPL")


def texts() -> Iterator[tuple[str, str]]:
    """All that we wrote, with its place."""
    skipped = {".git", ".venv", "var", "vendor", "dist", "build", "__pycache__"}
    for path in sorted(ROOT.rglob("*")):
        place = path.relative_to(ROOT)
        hidden = any(part.startswith(".") and part not in (".ci", ".gitignore") for part in place.parts)
        if hidden or skipped & set(place.parts) or not path.is_file() or path.suffix == ".lock":
            continue
        try:
            yield place.as_posix(), path.read_text()
        except UnicodeDecodeError:
            continue


def modules() -> Iterator[tuple[str, str, ast.Module]]:
    for place, text in texts():
        if place.endswith(".py"):
            yield place, text, ast.parse(text)


def found(pattern: str) -> list[str]:
    return [
        f"{place}:{number}: {line.strip()[:80]}"
        for place, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(pattern, line)
    ]


def test_the_locks_pin_everything_and_name_no_place() -> None:
    project = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text())
    wanted = {
        "requirements.lock": project["project"]["dependencies"] + project["dependency-groups"]["build"],
        "requirements-test.lock": project["dependency-groups"]["test"],
        "requirements-e2e.lock": project["dependency-groups"]["e2e"],
        "requirements-uv.lock": project["dependency-groups"]["uv"],
    }
    for lock in LOCKS:
        text = ROOT.joinpath(lock).read_text()
        assert not re.search(r"://|^-|\.(org|com)\b", text, re.MULTILINE), f"{lock} names a place"
        pinned = dict(re.findall(r"^([\w.-]+)(?:\[.*\])?==(\S+)", text, re.MULTILINE))
        names = {re.split(r"[\[<>=;~ ]", requirement)[0] for requirement in wanted[lock]}
        assert names - set(pinned) == set(), f"{lock} is older than pyproject.toml: make lock"
        assert text.count("==") <= text.count("--hash=sha256:")
    runtime, test, e2e = (_pins(lock) for lock in LOCKS[:3])
    assert {name: test.get(name) for name in runtime} == runtime
    assert {name: e2e.get(name) for name in test} == test


def _pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)(?:\[.*\])?==(\S+)", ROOT.joinpath(lock).read_text(), re.MULTILINE))


def test_what_it_runs_on_may_be_used_by_anyone() -> None:
    refused = []
    for name in _pins("requirements.lock"):
        try:
            about = distribution(name).metadata
        except LookupError:
            continue  # another platform's
        licence = [*(about.get_all("License-Expression") or about.get_all("License") or [])]
        licence += [line for line in about.get_all("Classifier") or [] if line.startswith("License")]
        shown = " ".join(licence).replace("LGPL", "lesser").replace("Lesser General Public", "lesser")
        if any(word in shown for word in FORBIDDEN_LICENCES):
            refused.append(f"{name}: {shown[:80]}")
    assert refused == []


def test_no_secret_and_no_workplace_is_written_down() -> None:
    assert found(SECRETS) + found(PLACES) == []


def test_nothing_is_left_unfinished() -> None:
    assert found(UNFINISHED) == []


@pytest.mark.slow
def test_files_and_functions_stay_short() -> None:
    too_long = []
    for place, text, tree in modules():
        if place.startswith("migrations/versions/"):
            continue
        if (lines := len(text.splitlines())) > LONGEST_FILE:
            too_long.append(f"{place}: {lines} lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    too_long.append(f"{place}:{node.lineno}: {node.name} has {lines} lines")
    assert too_long == []


@pytest.mark.slow
def test_only_base_opens_and_ends_transactions() -> None:
    """A savepoint does neither."""
    ends = re.compile(r"\.(commit|rollback)$|(connection|engine|session)\.(begin|connect)$")
    elsewhere = [
        f"{place}:{node.lineno}: {called}()"
        for place, _, tree in modules()
        if place.startswith(("billing/", "web/", "jobs/")) and not place.startswith("billing/base/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ends.search(called := ast.unparse(node.func))
    ]
    assert elsewhere == []
