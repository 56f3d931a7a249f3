"""How commands are found, and how they fail: a sentence and a status, no traceback for what is no bug of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

import click

REFUSED, MISCONFIGURED = 1, 2


class Named(NamedTuple):
    """Where a command stands (`module:name`), and what it is for."""

    where: str
    about: str


class Failed(click.ClickException):
    """Ends the command with a sentence on standard error and that status."""

    def __init__(self, message: str, status: int = REFUSED) -> None:
        super().__init__(message)
        self.status = status

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        return self.status

    def show(self, file: Any = None) -> None:
        click.echo(self.message, err=True, file=file)


class Commands(click.Group):
    """Commands that are imported when they are called."""

    def __init__(self, name: str, *, help: str, commands: Mapping[str, Named]) -> None:  # noqa: A002 - click's word
        super().__init__(name, help=help, no_args_is_help=True)
        self._named = dict(commands)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._named)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._named:
            return None
        module, _, name = self._named[cmd_name].where.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, named.about) for name, named in self._named.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self._named:
            raise click.UsageError(f"No such command {args[0]!r}: there are {', '.join(self._named)}.", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            failed = _failed(error)
            if failed is None:
                raise
            raise failed from error


def _failed(error: Exception) -> Failed | None:
    """What is said of an error that is no bug of ours."""
    from billing.base.settings import SettingsInvalid
    from billing.catalog.loading import CatalogInvalid
    from billing.rules.refusals import Refusal

    if isinstance(error, Refusal):
        return Failed(str(error))
    return Failed(str(error), MISCONFIGURED) if isinstance(error, SettingsInvalid | CatalogInvalid) else None


def listed(texts: Sequence[str]) -> str:
    """Several sentences, one per line."""
    return "\n".join(texts)
