"""The log of a running service: one JSON object per line, on standard error, whoever wrote it."""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, Any, TextIO

import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

SECRETS = re.compile(r"(/portal/|/unsubscribe/|/finance/welcome/|\bbk_\w+?_|\bwhsec_|\b[sr]k_(?:live|test)_)[\w.~%-]+")
"""What opens a door: portal links, API keys, Stripe's secrets. None belongs here: this is for what slipped through."""


def configure(stream: TextIO | None = None) -> None:
    """Sets up the process's log. Tracebacks are whole, but show no local variables: those hold what is private."""
    stream = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
    ]
    structlog.configure(
        processors=[*shared, _rendered],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Lines)]:
        root.removeHandler(handler)
    root.addHandler(_Lines(stream, shared))


class _Lines(logging.StreamHandler[TextIO]):
    """The engine's own warnings, and the libraries', in the same form."""

    def __init__(self, stream: TextIO, processors: list[Processor]) -> None:
        super().__init__(stream)
        last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, _rendered]
        self.setFormatter(structlog.stdlib.ProcessorFormatter(processors=last, foreign_pre_chain=[_named, *processors]))


def _named(_: object, __: str, event: EventDict) -> EventDict:
    event["logger"] = event["_record"].name
    return event


_JSON = structlog.processors.JSONRenderer()


def _rendered(logger: Any, method: str, event: EventDict) -> str:
    line = _JSON(logger, method, event)
    return SECRETS.sub(r"\1…", line if isinstance(line, str) else line.decode())
