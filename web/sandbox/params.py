"""What a request may say: form-encoded brackets into values, and a refusal of all that the operation does not know."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl

from web.sandbox.errors import Refused, needed

_PART = re.compile(r"\[([^\[\]]*)\]")
_DEEPEST, _MOST = 10, 2_000


class Kind(Protocol):
    """One kind of parameter: makes a value of what was written."""

    def read(self, raw: Any, name: str) -> Any: ...


def decoded(text: str) -> dict[str, Any]:
    """`a[b][0]=c` becomes `{"a": {"b": {"0": "c"}}}`; `a[]=c` counts on by itself."""
    found: dict[str, Any] = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST)
    except ValueError:
        raise Refused(f"Too many parameters: more than {_MOST:,}.") from None
    for name, value in pairs:
        head, parts = name.split("[", 1)[0], _PART.findall(name)
        if len(parts) > _DEEPEST or head + "".join(f"[{part}]" for part in parts) != name:
            raise Refused(f"Invalid parameter name: {name}", param=name)
        place = found
        for part, after in zip([head, *parts], [*parts, None], strict=True):
            key = part or str(len(place))
            if after is None:
                place[key] = value
                break
            inner = place.setdefault(key, {})
            if not isinstance(inner, dict):
                raise Refused(f"Invalid {name}: it is given twice, in two ways.", param=name)
            place = inner
    return found


class Text:
    """A string; the empty one unsets."""

    def read(self, raw: Any, name: str) -> str | None:
        if not isinstance(raw, str):
            raise Refused(f"Invalid string: {_shown(raw)}", param=name)
        if len(raw) > 5_000:
            raise Refused(f"Invalid string: {raw[:20]}…; must be at most 5000 characters", param=name)
        return raw or None


class Whole:
    """An integer."""

    def __init__(self, least: int | None = None, most: int | None = None) -> None:
        self._least, self._most = least, most

    def read(self, raw: Any, name: str) -> int:
        if not isinstance(raw, str) or not re.fullmatch(r"-?\d{1,15}", raw):
            raise Refused(f"Invalid integer: {_shown(raw)}", code="parameter_invalid_integer", param=name)
        value = int(raw)
        if self._least is not None and value < self._least:
            words = f"This value must be greater than or equal to {self._least}."
            raise Refused(words, code="parameter_invalid_integer", param=name)
        if self._most is not None and value > self._most:
            words = f"This value must be less than or equal to {self._most}."
            raise Refused(words, code="parameter_invalid_integer", param=name)
        return value


class YesNo:
    def read(self, raw: Any, name: str) -> bool:
        if raw not in ("true", "false"):
            raise Refused(f"Invalid boolean: {_shown(raw)}", param=name)
        return bool(raw == "true")


class OneOf:
    """One of these words."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def read(self, raw: Any, name: str) -> str | None:
        if raw not in self.words:
            words = self.words[0] if len(self.words) == 1 else f"{', '.join(self.words[:-1])}, or {self.words[-1]}"
            raise Refused(f"Invalid {name}: must be one of {words}", param=name)
        return str(raw)


class Number:
    """A decimal number, kept as it is written."""

    def read(self, raw: Any, name: str) -> str:
        if not isinstance(raw, str) or not re.fullmatch(r"\d{1,15}(\.\d{1,12})?", raw):
            raise Refused(f"Invalid decimal: {_shown(raw)}", param=name)
        return raw


class Currency:
    """Three letters, in lower case."""

    def read(self, raw: Any, name: str) -> str:
        if not isinstance(raw, str) or not re.fullmatch(r"[A-Za-z]{3}", raw):
            raise Refused(f"Invalid currency: {_shown(raw)}. Three letters, as in usd.", param=name)
        return raw.lower()


class Labels:
    """Metadata: names and texts. An empty text takes a name away, an empty whole takes all."""

    def read(self, raw: Any, name: str) -> dict[str, str | None]:
        if raw == "":
            return {"": None}
        if not isinstance(raw, dict) or not all(isinstance(value, str) for value in raw.values()):
            raise Refused(f"Invalid hash: {_shown(raw)}", param=name)
        if any(len(key) > 40 or len(value) > 500 for key, value in raw.items()) or len(raw) > 50:
            words = "Metadata takes up to 50 keys of up to 40 characters, with values of up to 500."
            raise Refused(words, param=name)
        return {key: value or None for key, value in raw.items()}


class Several:
    """A list."""

    def __init__(self, kind: Kind, most: int = 100) -> None:
        self.kind, self._most = kind, most

    def read(self, raw: Any, name: str) -> list[Any]:
        if raw == "":
            return []
        if not isinstance(raw, dict) or not all(re.fullmatch(r"\d{1,4}", key) for key in raw):
            raise Refused(f"Invalid array: {_shown(raw)}", param=name)
        if len(raw) > self._most:
            raise Refused(f"Array {name} exceeded maximum {self._most} allowed elements.", param=name)
        ordered = sorted(raw, key=int)
        return [self.kind.read(raw[key], f"{name}[{number}]") for number, key in enumerate(ordered)]


class Fields:
    """Named parameters: those it knows, of which some must be there."""

    def __init__(self, known: Mapping[str, Kind], needs: Iterable[str] = ()) -> None:
        self.known, self.needs = dict(known), tuple(needs)

    def read(self, raw: Any, name: str = "") -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise Refused(f"Invalid object: {_shown(raw)}", param=name or None)
        for key in raw:
            if key not in self.known:
                path = f"{name}[{key}]" if name else key
                words = f"Received unknown parameter: {path}. This takes: {', '.join(sorted(self.known))}."
                raise Refused(words, code="parameter_unknown", param=path)
        for key in self.needs:
            if raw.get(key, "") == "":
                raise needed(f"{name}[{key}]" if name else key)
        return {key: self.known[key].read(value, f"{name}[{key}]" if name else key) for key, value in raw.items()}


class Word:
    """One of these words, or else what the other kind takes (`trial_end=now`, `up_to=inf`)."""

    def __init__(self, words: tuple[str, ...], other: Kind) -> None:
        self._words, self._other = words, other

    def read(self, raw: Any, name: str) -> Any:
        return raw if raw in self._words else self._other.read(raw, name)


class Unset:
    """What the kind takes, or an empty text that takes it away."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def read(self, raw: Any, name: str) -> Any:
        return None if raw == "" else self._kind.read(raw, name)


class Either:
    """Fields, or the plain kind where no fields are given (`created`, `billing_cycle_anchor`)."""

    def __init__(self, plain: Kind, fields: Fields) -> None:
        self.plain, self.fields = plain, fields

    def read(self, raw: Any, name: str) -> Any:
        return (self.fields if isinstance(raw, dict) else self.plain).read(raw, name)


SPAN = Either(Whole(0), Fields({"gt": Whole(), "gte": Whole(), "lt": Whole(), "lte": Whole()}))
"""`created=…`, or a range of it."""

EXPAND: dict[str, Kind] = {"expand": Several(Text())}
PAGE: dict[str, Kind] = {"limit": Whole(1, 100), "starting_after": Text(), "ending_before": Text(), **EXPAND}
ADDRESS = Fields({name: Text() for name in ("city", "country", "line1", "line2", "postal_code", "state")})


def merged(old: dict[str, str], change: Mapping[str, str | None] | None) -> dict[str, str]:
    """Metadata after a change."""
    if change is None:
        return old
    if "" in change:
        return {}
    new = {**old, **change}
    return {key: value for key, value in new.items() if value is not None}


def _shown(raw: Any) -> str:
    return raw if isinstance(raw, str) else "{…}"
