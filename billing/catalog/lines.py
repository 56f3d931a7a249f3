"""Where each key of a TOML text stands: the standard parser knows, but doesn't say.

The scanner reads texts that `tomllib` has accepted, so it only has to find its way, not to judge.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left

Path = tuple[str | int, ...]
"""Keys and, inside arrays, positions from 0: ("plans", "pro", "prices", 1)."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^,\]}\n#]*")
# The longest first. A multi-line text may end in up to two quotes of its own before the three that close it.
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\]|\\.)*"|\'[^\']*\'',
    re.DOTALL,
)


def line_numbers(text: str) -> dict[Path, int]:
    """The line (from 1) of every key and array element of a valid TOML text, by its path.

    A table has the line of its own header, or else of where it is first mentioned.
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


def line_of(lines: dict[Path, int], path: Path) -> int | None:
    """The line of the path, or of the nearest table around it: what is missing is missing there."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._lengths: dict[Path, int] = {}  # of arrays of tables

    def document(self) -> None:
        table: Path = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self._sees("["):
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _header(self) -> Path:
        line, brackets = self._line(), 2 if self._sees("[[") else 1
        self.at += brackets
        *parents, last = self._keys()
        self.at += brackets
        table: Path = ()
        for key in parents:
            table = self._inside((*table, key), line)
        table = (*table, last)
        if brackets == 2:
            self._lengths[table] = self._lengths.get(table, 0) + 1
            self.lines.setdefault(table, line)
            table = (*table, self._lengths[table] - 1)
        self.lines[table] = line
        return table

    def _inside(self, table: Path, line: int) -> Path:
        """A key on the way to another: in an array of tables it means the last one."""
        self.lines.setdefault(table, line)
        return (*table, self._lengths[table] - 1) if table in self._lengths else table

    def _pair(self, table: Path) -> None:
        line = self._line()
        for key in self._keys():
            table = (*table, key)
            self.lines.setdefault(table, line)
        self.at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(table)

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._skip(_SPACE)
            if self.text[self.at] in "\"'":
                keys.append(str(tomllib.loads("key = " + self._take(_STRING))["key"]))
            else:
                keys.append(self._take(_BARE_KEY))
            self._skip(_SPACE)
            if not self._sees("."):
                return keys
            self.at += 1

    def _value(self, path: Path) -> None:
        if self._sees("["):
            self._items(path, "]")
        elif self._sees("{"):
            self._items(path, "}")
        else:
            self._take(_STRING if self.text[self.at] in "\"'" else _BARE_VALUE)

    def _items(self, path: Path, closing: str) -> None:
        self.at += 1
        position = 0
        while True:
            self._skip(_BLANK)
            if self._sees(closing):
                break
            if self._sees(","):
                self.at += 1
                position += 1
            elif closing == "]":
                self.lines[(*path, position)] = self._line()
                self._value((*path, position))
            else:
                self._pair(path)
        self.at += 1

    def _sees(self, sign: str) -> bool:
        return self.text.startswith(sign, self.at)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        self._take(pattern)

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        assert match is not None, f"line {self._line()}: not what a valid text holds"
        self.at = match.end()
        return match.group()

    def _line(self) -> int:
        return bisect_left(self._ends, self.at) + 1
