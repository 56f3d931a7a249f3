"""README and handbook say what is so: what they show runs, what they list is all there is."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from billing import Billing
from billing.base import settings
from billing.rules.wallet.flows import FLOWS, Flow
from web.cli import cli
from web.demo.words import curl_lines
from web.errors import CODES

ROOT = Path(__file__).resolve().parents[2]
README, HANDBOOK = ROOT / "README.md", ROOT / "billing" / "README.md"


def blocks(file: Path, language: str = "python") -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", file.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def rows(file: Path, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    text = file.read_text(encoding="utf-8")
    table = re.search(rf"^#+ {re.escape(heading)}\n.*?((?:^\|[^\n]*\n)+)", text, re.DOTALL | re.MULTILINE)
    assert table is not None, heading
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.group(1).splitlines()[2:]]


def test_readmes_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = blocks(README)[0]
    monkeypatch.chdir(tmp_path)
    exec(compile(example, str(README), "exec"), {"__name__": "readme"})
    printed = capsys.readouterr().out.splitlines()
    said = re.findall(r"print\(.*\)  # ([^:\n]*)", example)
    assert printed[: len(said)] == said, "the comments say what is printed"


def test_what_the_readme_calls_at_stripe_can_be_called_so() -> None:
    calls = [
        node for example in blocks(README)[1:] for node in ast.walk(ast.parse(example)) if isinstance(node, ast.Call)
    ]
    assert calls
    for call in calls:
        assert isinstance(call.func, ast.Attribute), ast.unparse(call)
        given = {word.arg: word.value for word in call.keywords if word.arg}
        inspect.signature(getattr(Billing, call.func.attr)).bind(None, *call.args, **given)


@pytest.mark.parametrize("number", range(len(blocks(HANDBOOK))))
def test_the_handbooks_examples_run(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks(HANDBOOK)[number], str(HANDBOOK), "exec"), {"__name__": f"handbook_{number}"})


def test_the_handbooks_flows_are_those_of_the_code() -> None:
    def listed(flow: Flow) -> list[str]:
        left = f"{flow.leaves}, less" if flow.leaves else "move along"
        cents = "0" if not flow.with_cents else flow.column or left
        return [f"`{flow.kind}`", f"`{flow.source}` → `{flow.destination}`", cents, flow.account or ""]

    assert [row[:4] for row in rows(HANDBOOK, "Accounts and flows")] == [listed(flow) for flow in FLOWS]


def test_the_handbooks_errors_are_those_of_the_interface() -> None:
    told = {row[0].strip("`"): int(row[1]) for row in rows(HANDBOOK, "Errors")}
    assert told == {code: status for code, (status, _) in CODES.items()}


def test_readmes_settings_are_those_that_are_read() -> None:
    source = Path(settings.__file__).read_text(encoding="utf-8")
    read = set(re.findall(r"env\.\w+\(\s*\"([A-Z_]+)\"", source))
    told = {name for row in rows(README, "Settings") for name in re.findall(r"[A-Z_]{4,}", row[0])}
    assert told == read


def test_readmes_commands_are_all_there_are() -> None:
    told = {name for row in rows(README, "Commands") for name in re.findall(r"billing (\w+)", row[0])}
    assert told == set(cli.list_commands(None))  # type: ignore[arg-type]


def test_readmes_lines_are_those_that_the_demo_prints() -> None:
    text = README.read_text(encoding="utf-8")
    for line in curl_lines("http://127.0.0.1:8000", "bk_…", past=True):
        assert line in text


@pytest.mark.parametrize("file", [README, HANDBOOK], ids=["readme", "handbook"])
def test_links_lead_somewhere(file: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", file.read_text(encoding="utf-8")):
        assert (file.parent / target).exists(), target
