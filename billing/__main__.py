"""The `billing` command, from a checkout and from the wheel.

In the wheel the service (`web`, `jobs`) lies inside this package, where no import of a host application can meet it.
This process is ours alone, so here, and only here, that folder goes first on the path.
"""

import sys
from importlib import import_module
from pathlib import Path


def main() -> None:
    service = Path(__file__).resolve().parent / "_service"
    if service.is_dir():
        sys.path.insert(0, str(service))
    import_module("web.cli").main()


if __name__ == "__main__":
    main()
