"""Stripe's interface as the installed `stripe` package has it, read out of its source: JSON Schemas.

The package is generated from Stripe's own description, so its parameters (`TypedDict`s), its resources (annotated
classes) and its services (method, path, parameters, answer) say what a request may hold and an answer must.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import stripe

ROOT = Path(stripe.__file__).parent
Schema = dict[str, Any]

_PLAIN: dict[str, Schema] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "bool": {"type": "boolean"},
    "float": {"type": "number"},
    "Decimal": {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"},
    "Any": {},
    "object": {},
}
_NULL: Schema = {"type": "null"}


@dataclass
class Module:
    """One file: its classes, by the way to them, and where its names come from."""

    name: str
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    tables: dict[str, ast.Dict] = field(default_factory=dict)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)


@cache
def module(name: str) -> Module:
    """The module with this dotted name, parsed once."""
    path = ROOT.parent.joinpath(*name.split("."))
    path = path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py"
    found = Module(name)
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                found.imports[alias.asname or alias.name] = (node.module, alias.name)
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            _collect(found, node, "")
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and len(node.value.args) == 2:
            table = node.value.args[1]
            if isinstance(table, ast.Dict) and isinstance(node.targets[0], ast.Name):
                found.tables[node.targets[0].id] = table  # NAME = TypedDict("NAME", {...})
    return found


def _collect(found: Module, node: ast.ClassDef, way: str) -> None:
    path = f"{way}.{node.name}" if way else node.name
    found.classes[path] = node
    for inner in node.body:
        if isinstance(inner, ast.ClassDef):
            _collect(found, inner, path)


class Reader:
    """Makes schemas of annotations; what they refer to lands in `definitions`."""

    def __init__(self) -> None:
        self.definitions: dict[str, Schema] = {}

    def annotation(self, text: str, home: Module, *, request: bool = False) -> Schema:
        return self._schema(ast.parse(text, mode="eval").body, home, "", request=request)

    def _schema(self, node: ast.expr, home: Module, way: str, *, request: bool) -> Schema:
        if isinstance(node, ast.Constant):
            if node.value is None:
                return _NULL
            inner = ast.parse(str(node.value), mode="eval").body
            return self._schema(inner, home, way, request=request)
        if isinstance(node, ast.Name):
            return _PLAIN[node.id] if node.id in _PLAIN else self._named(node.id, home, way, request=request)
        if isinstance(node, ast.BinOp):
            return self._union(_parts(node), home, way, request=request)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            return self._subscript(node.value.id, node.slice, home, way, request=request)
        raise ValueError(f"{home.name}: cannot read {ast.unparse(node)}")

    def _subscript(self, name: str, inside: ast.expr, home: Module, way: str, *, request: bool) -> Schema:
        if name == "Union":
            assert isinstance(inside, ast.Tuple)
            return self._union(inside.elts, home, way, request=request)
        if name == "Literal":
            values = inside.elts if isinstance(inside, ast.Tuple) else [inside]
            return {"enum": [value.value for value in values if isinstance(value, ast.Constant)]}
        if name in ("Dict", "Mapping"):
            assert isinstance(inside, ast.Tuple)
            return {"type": "object", "additionalProperties": self._schema(inside.elts[1], home, way, request=request)}
        of = self._schema(inside, home, way, request=request)
        if name in ("NotRequired", "Required"):
            return of
        if name == "Optional":
            return {"if": _NULL, "else": of}
        if name == "ExpandableField":
            return {"if": {"type": "string"}, "else": of}
        if name in ("List", "Sequence"):
            return {"type": "array", "items": of}
        if name == "UntypedStripeObject":
            return {"type": "object", "additionalProperties": of}
        if name == "ListObject":
            return _listed(of)
        raise ValueError(f"{home.name}: cannot read {name}[…]")

    def _union(self, parts: list[ast.expr], home: Module, way: str, *, request: bool) -> Schema:
        schemas = [self._schema(part, home, way, request=request) for part in parts]
        words = [word for schema in schemas for word in schema.get("enum", [])]
        others = [schema for schema in schemas if "enum" not in schema]
        if request and words == [""] and _PLAIN["str"] in others:
            words = []  # the empty text unsets; any other is as good
        if words and _PLAIN["str"] in others:  # an open list of words: closed for us, open for Stripe
            others.remove(_PLAIN["str"])
            words_alone: Schema = {"type": "string", "enum": words} if request else {"type": "string", "known": words}
        else:
            words_alone = {"enum": words}
        schemas = ([words_alone] if words else []) + others
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}

    def _named(self, name: str, home: Module, way: str, *, request: bool) -> Schema:
        """A class: an inner one of where it is named, one of the file, or one that is imported."""
        scope = way
        while True:
            path = f"{scope}.{name}" if scope else name
            if path in home.classes:
                return self.reference(home, path, request=request)
            if not scope:
                break
            scope = scope.rpartition(".")[0]
        if name in home.imports:
            where, original = home.imports[name]
            if where.startswith("stripe") and original in module(where).classes:
                return self.reference(module(where), original, request=request)
        raise ValueError(f"{home.name}: {name} is nowhere")

    def reference(self, home: Module, path: str, *, request: bool) -> Schema:
        key = f"{home.name}:{path}"
        if key not in self.definitions:
            self.definitions[key] = {}  # it may name itself
            self.definitions[key] = self._class(home, path, request=request)
        return {"$ref": "#/definitions/" + key.replace("~", "~0").replace("/", "~1")}

    def _class(self, home: Module, path: str, *, request: bool) -> Schema:
        node = home.classes[path]
        fields: dict[str, ast.expr] = {}
        for base in node.bases:
            if isinstance(base, ast.Name) and base.id in home.tables:
                table = home.tables[base.id]
                fields |= {str(ast.literal_eval(k)): v for k, v in zip(table.keys, table.values, strict=True) if k}
        for inner in node.body:
            if isinstance(inner, ast.AnnAssign) and isinstance(inner.target, ast.Name):
                fields[inner.target.id] = inner.annotation
        kept = {name: note for name, note in fields.items() if "ClassVar" not in ast.unparse(note)}
        optional = "NotRequired" if request else "Optional"
        schema: Schema = {
            "type": "object",
            "properties": {name: self._schema(note, home, path, request=request) for name, note in kept.items()},
            "required": sorted(name for name, note in kept.items() if not ast.unparse(note).startswith(optional)),
            "additionalProperties": False,
        }
        if not request and "deleted" in kept:
            gone = {"properties": {"deleted": {"const": True}}, "required": ["deleted"]}
            little = {"type": "object", "maxProperties": 3, "required": ["id", "object", "deleted"]}
            return {"if": gone, "then": little, "else": schema}
        return schema


def _parts(node: ast.expr) -> list[ast.expr]:
    """`A | B | C` as its parts."""
    if isinstance(node, ast.BinOp):
        return _parts(node.left) + _parts(node.right)
    return [node]


def _listed(of: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {
            "object": {"const": "list"},
            "data": {"type": "array", "items": of},
            "has_more": {"type": "boolean"},
            "total_count": {"type": "integer"},
            "url": {"type": "string"},
        },
        "required": ["object", "data", "has_more", "url"],
        "additionalProperties": False,
    }


@dataclass(frozen=True)
class Service:
    """One operation as a service of the package has it."""

    method: str
    path: str
    home: str
    params: str | None
    answer: str


def services() -> list[Service]:
    """All operations of version 1."""
    found = []
    for file in sorted(ROOT.rglob("*_service.py")):
        if "v2" in file.parts:
            continue
        name = ".".join(["stripe", *file.relative_to(ROOT).with_suffix("").parts])
        for node in module(name).classes.values():
            methods = [_service(name, method) for method in node.body if isinstance(method, ast.FunctionDef)]
            found += [service for service in methods if service is not None]
    return found


def _service(home: str, method: ast.FunctionDef) -> Service | None:
    for call in ast.walk(method):
        if not (isinstance(call, ast.Call) and ast.unparse(call.func) == "self._request"):
            continue
        verb, path = (_text(argument) for argument in call.args[:2])
        if not path.startswith("/v1/") or method.returns is None:
            return None
        notes = {argument.arg: argument.annotation for argument in method.args.args}
        params = notes.get("params")
        named = re.search(r"[\"'](\w+)[\"']", ast.unparse(params)) if params is not None else None
        return Service(verb.upper(), path, home, named[1] if named else None, str(ast.literal_eval(method.returns)))
    return None


def _text(node: ast.expr) -> str:
    """A text, or the text that `.format(…)` is called on."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        node = node.func.value
    return str(ast.literal_eval(node))
