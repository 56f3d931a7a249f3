"""Where several processes serve one address: they count into one folder, and whoever is asked adds up.

Nothing of `prometheus_client` may be imported before: it looks once where it counts.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The library's own name for it. Where it is set already, that folder is taken and left."""


@contextmanager
def together() -> Iterator[None]:
    """For the process that begins the others: a folder for all of them, until it ends."""
    if os.environ.get(SHARED):
        yield
        return
    folder, owner = tempfile.mkdtemp(prefix="billing-counted-"), os.getpid()
    os.environ[SHARED] = folder
    try:
        yield
    finally:
        if os.getpid() == owner:  # the others leave this block, too, when they end
            shutil.rmtree(folder, ignore_errors=True)
