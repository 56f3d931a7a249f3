"""Installed into another project's environment: what is there, and what it must leave alone."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
import sqlalchemy as sa

from billing.base import schema

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """What it prints; fails with it, too."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
    done = subprocess.run(
        command, cwd=cwd, env=kept | environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the locked backend, from what is here alone."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A host's interpreter with our wheel installed; the libraries are those of this environment."""
    place = tmp_path_factory.mktemp("host") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", place, cwd=place.parent)
    python = place / "bin" / "python"
    installers = (
        [Path(sys.executable).with_name("uv"), "pip", "install", "--offline", "--python", python],
        [sys._base_executable, "-m", "pip", "--python", python, "install", "--no-index"],  # type: ignore[attr-defined]
    )
    for installer in installers:
        if Path(str(installer[0])).exists():
            run(*installer, "--quiet", "--no-deps", wheel, cwd=place)
            break
    # A folder named by a .pth is put on the path, but the .pth files in it (our own checkout's) are not read.
    (site,) = place.glob("lib/python*/site-packages")
    site.joinpath("zz_libraries.pth").write_text(sysconfig.get_path("purelib"))
    return python


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """An application with rooms called as ours, and tests of its own."""
    folder = tmp_path / "host"
    for name in ("web", "jobs", "migrations", "tests"):
        folder.joinpath(name).mkdir(parents=True)
    for name in ("web", "jobs", "migrations"):
        folder.joinpath(name, "__init__.py").write_text("OWNER = 'the host'\n")
    folder.joinpath("web", "cli.py").write_text("raise AssertionError('the billing command met the host')\n")
    folder.joinpath("tests", "conftest.py").write_text(
        "import pytest\n\n@pytest.fixture\ndef billing():\n    return 'a fixture of the host'\n"
    )
    folder.joinpath("tests", "test_host.py").write_text(
        "import jobs, migrations, web\n"
        "from billing import Billing\n"
        "from billing.testing import open_billing\n\n"
        "def test_its_own(billing):\n"
        "    assert billing == 'a fixture of the host'\n"
        "    assert {web.OWNER, jobs.OWNER, migrations.OWNER} == {'the host'}\n\n"
        "def test_it_spends(tmp_path):\n"
        "    engine = open_billing(f'sqlite:///{tmp_path}/books.sqlite3')\n"
        "    assert isinstance(engine, Billing)\n"
        "    engine.customer('team_42')\n"
        "    engine.grant('team_42', 10, reason='goodwill', key='g')\n"
        "    assert engine.spend('team_42', 4, key='s').available == 6\n"
        "    engine.close()\n"
    )
    return folder


def test_the_wheel_has_one_name_and_all_of_us(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"billing"}
    carried = {Path(name).as_posix() for name in names}
    for room, place in (("billing", ""), ("web", "billing/_service/"), ("migrations", "billing/")):
        for path in ROOT.joinpath(room).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert place + path.relative_to(ROOT).as_posix() in carried
    assert [name for name in names if name.endswith(".pyc")] == []


def test_importing_loads_neither_flask_nor_stripe(python: Path, tmp_path: Path) -> None:
    loaded = run(python, "-c", "import billing, sys; print(billing.__file__); print(*sys.modules)", cwd=tmp_path)
    file, modules = loaded.splitlines()
    assert Path(file).is_relative_to(python.parents[1])
    heavy = {"flask", "stripe", "werkzeug", "marshmallow", "apscheduler", "web", "jobs", "pytest"}
    assert heavy & set(modules.split()) == set()


def test_the_command_finds_its_migrations(python: Path, tmp_path: Path, host: Path) -> None:
    """From a host's folder, too, whose own `web` stands in the way."""
    for place in (tmp_path, host):
        url = f"sqlite:///{place}/books.sqlite3"
        run(python.with_name("billing"), "db", "upgrade", cwd=place, DATABASE_URL=url, PYTHONPATH=str(place))
        engine = sa.create_engine(url)
        assert schema.check(engine) == []
        engine.dispose()
        run(python.with_name("billing"), "db", "check", cwd=place, DATABASE_URL=url)
    assert "Usage" in run(python, "-m", "billing", "--help", cwd=tmp_path)


def test_a_host_is_not_disturbed(python: Path, host: Path, tmp_path: Path) -> None:
    assert "2 passed" in run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=host)
    # Installed after us, found after us: still its own.
    (site,) = python.parents[1].glob("lib/python*/site-packages")
    late = site / "zzz_host.pth"
    late.write_text(str(host))
    try:
        assert run(python, "-c", "import web; print(web.OWNER)", cwd=tmp_path) == "the host\n"
    finally:
        late.unlink()
