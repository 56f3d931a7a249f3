from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from billing.catalog.lines import Path, line_numbers, line_of


def paths(value: Any, path: Path = ()) -> set[Path]:
    found = {path} if path else set()
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found.union(*(paths(part, (*path, key)) for key, part in inner)) if inner else found


def check(text: str, expected: dict[Path, int]) -> None:
    lines = line_numbers(text)
    assert set(lines) == paths(tomllib.loads(text))
    assert {path: lines[path] for path in expected} == expected


def test_tables_and_keys() -> None:
    text = """\
# [not.a.table]
[policy]
overdraft = "none"  # = "x"

[plans.pro]
credits = 5_000
[ plans . 'basic' ]
every='month'
"""
    check(
        text,
        {
            ("policy",): 2,
            ("policy", "overdraft"): 3,
            ("plans",): 5,
            ("plans", "pro", "credits"): 6,
            ("plans", "basic"): 7,
            ("plans", "basic", "every"): 8,
        },
    )


def test_dotted_quoted_and_escaped_keys() -> None:
    text = """\
plans.pro.credits = 1
plans . "pro" . name = "Pro"

"plans"."a.b".x = 1
'pl#ns'."\\u0061\\"]" = 2
1.2 = 3
"" = 4
"""
    check(
        text,
        {
            ("plans",): 1,
            ("plans", "pro", "name"): 2,
            ("plans", "a.b", "x"): 4,
            ("pl#ns", 'a"]'): 5,
            ("1", "2"): 6,
            ("",): 7,
        },
    )


def test_inline_tables_and_arrays() -> None:
    text = """\
prices = { usd = 1000, eur.cents = 900 }
list = [
  "a", # , "not this"
  "b]", [1,
    2], { k = 1 },
]
empty = []
none = {}
after = 1979-05-27 07:32:00
"""
    check(
        text,
        {
            ("prices", "usd"): 1,
            ("prices", "eur", "cents"): 1,
            ("list", 0): 3,
            ("list", 1): 4,
            ("list", 2): 4,
            ("list", 2, 1): 5,
            ("list", 3, "k"): 5,
            ("empty",): 7,
            ("none",): 8,
            ("after",): 9,
        },
    )


def test_texts_over_several_lines() -> None:
    text = '''\
a = """
[not.a.table]
b = "\\""" still
c = 1 """""
d = \'\'\'
e = 1 \\\'\'\'
f = "\\\\"
g = '\\'
h = ""
i = """"x""""
j = 1
'''
    check(text, {("a",): 1, ("d",): 5, ("f",): 7, ("g",): 8, ("h",): 9, ("i",): 10, ("j",): 11})


def test_arrays_of_tables() -> None:
    text = """\
[[packs]]
id = 1
[[packs.parts]]
n = 1
[[packs.parts]]
n = 2
[[packs]]
id = 2
[packs.more]
n = 3
"""
    check(
        text,
        {
            ("packs",): 1,
            ("packs", 0): 1,
            ("packs", 0, "id"): 2,
            ("packs", 0, "parts", 1): 5,
            ("packs", 0, "parts", 1, "n"): 6,
            ("packs", 1): 7,
            ("packs", 1, "more", "n"): 10,
        },
    )


def test_a_tables_own_header_counts_for_more_than_its_first_mention() -> None:
    text = "[plans.pro.overdraft]\nlimit = 1\n[plans.pro]\ncredits = 1\n"
    check(text, {("plans",): 1, ("plans", "pro"): 3})


def test_windows_line_ends_and_no_line_end_at_all() -> None:
    check("[a]\r\nb = [1,\r\n 2]\r\nc = 3", {("a", "b", 1): 3, ("a", "c"): 4})
    check("", {})


def test_what_is_missing_is_missing_in_its_table() -> None:
    lines = line_numbers("[plans.pro]\nname = 'x'\n")
    assert line_of(lines, ("plans", "pro", "credits")) == 1
    assert line_of(lines, ("plans", "pro", "name", 3)) == 2
    assert line_of(lines, ("packs",)) is None


texts = st.text(st.sampled_from("ab\"'\\#[]{}=,. \n\té"), max_size=8)
strings = st.one_of(
    texts.map(lambda s: '"' + s.translate({92: "\\\\", 34: '\\"', 10: "\\n"}) + '"'),
    texts.map(lambda s: '"""' + s.replace("\\", "\\\\").replace('"""', '""\\"').replace('"', '\\"') + '"""'),
    texts.map(lambda s: "'" + s.translate({39: "", 10: ""}) + "'"),
    texts.map(lambda s: "'''" + s.replace("'''", "") + "'''").filter(lambda s: "''''''" not in s[1:]),
)
scalars = st.one_of(strings, st.sampled_from(["1", "-2.5e3", "true", "inf", "2026-01-01 10:00:00Z", "0xf"]))
keys = st.one_of(
    st.text("ab-_1", min_size=1, max_size=2),
    texts.map(lambda s: '"' + s.translate({92: "\\\\", 34: '\\"', 10: "\\n"}) + '"'),
    texts.map(lambda s: "'" + s.translate({39: "", 10: ""}) + "'"),
)
gaps = st.sampled_from(["", " ", "\n", " # ]}, \"'\n", "\n\n"])


def _array(items: list[str], gap: str) -> str:
    return "[" + gap + f",{gap}".join(items) + gap + "]"


values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.builds(_array, st.lists(inner, max_size=3), gaps),
        st.lists(st.builds("{} = {}".format, keys, inner), max_size=2).map(lambda kv: "{" + ", ".join(kv) + "}"),
    ),
    max_leaves=5,
)
dotted = st.lists(keys, min_size=1, max_size=2).map(" . ".join)
statements = st.one_of(
    st.builds("{} = {}".format, dotted, values),
    dotted.map("[{}]".format),
    dotted.map("[[{}]]".format),
    st.just("# a = [ {"),
)


@given(st.lists(statements, max_size=6))
def test_every_key_is_found_and_stands_where_it_is_said_to(parts: list[str]) -> None:
    text = "\n".join(parts)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = line_numbers(text)
    assert set(lines) == paths(document)
    starts = [1 + sum(part.count("\n") + 1 for part in parts[:i]) for i in range(len(parts))]
    tops = {line for path, line in lines.items() if len(path) == 1}
    assert tops <= set(starts)
