"""Clients of Stripe that are not ours. They need Node; their packages are those of package-lock.json."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def node_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the packages are installed: beside pytest's cache, once for each lock, never in the source tree."""
    assert shutil.which("node") and shutil.which("npm"), "Node is not here: install it (Debian: apt install nodejs npm)"
    lock = HERE.joinpath("package-lock.json").read_bytes()
    cache = getattr(request.config, "cache", None)
    room = cache.mkdir("outside") if cache else tmp_path_factory.mktemp("outside")
    folder: Path = room / hashlib.sha256(lock).hexdigest()[:12]
    if not folder.exists():
        draft = tmp_path_factory.mktemp("npm", numbered=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, draft)
        said = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=draft,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert said.returncode == 0, said.stdout + said.stderr
        try:
            shutil.copytree(draft, folder.with_suffix(f".{os.getpid()}"), symlinks=True)
            folder.with_suffix(f".{os.getpid()}").rename(folder)
        except OSError:
            assert folder.exists(), "neither this process nor another could install it"
    return folder
