"""Inputs for testing the properties: odd texts, and recordings with errors in them.

All inputs can be written as JSON. Text that represents the bytes of a file holds bytes that are not
UTF-8 as surrogate escapes; `as_bytes` returns the bytes.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

# Values that often break parsers of numbers and of text.
NUMBERS = (
    *("0", "00", "-1", "-0", "+1", " 1", "1 ", "1.5", "1e999", "nan", "inf", "0x10", "1_000"),
    *("\u0663", "\xb2", "2147483648", "4294967296", "18446744073709551616", "9" * 18, "9" * 19),
    *("0" * 5000 + "1", "1" * 5000, "-" + "1" * 5000),
)
ODD = (
    *("", " ", "\n", "\r", "\t", "\0", "\x0b", "\x1b[2J", "\x85", "\u2028", "\ufeff", "\U0001f642"),
    *("'", '"', "\\", "\\\n", "`", "$(id)", "$HOME", "${x", ";", "|", "&", "#", "=", "%n", "{0}"),
    *("(", ")", "[", "]", "{", "}", "(*", "*)", "--", "/*", "../", "/", ",", ":", "@", "*", "<>"),
    *("NaN", "Infinity", "-Infinity", "null", "true", "[]", "{}", "\\ud800", "\\u0000", "x" * 5000),
)
text = st.text(max_size=20) | st.sampled_from(ODD) | st.sampled_from(NUMBERS)
# Any bytes, decoded as the package decodes files.
raw = text | st.binary(max_size=20).map(lambda data: data.decode("utf-8", "surrogateescape"))


def as_bytes(content: str) -> bytes:
    """Return the bytes that a text of `raw` represents; half a surrogate pair becomes a ?."""
    try:
        return content.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return content.encode("utf-8", "replace")


def glued(words: Sequence[str], most: int = 40) -> SearchStrategy[str]:
    """Generate words of a language in any order, and other text between some of them."""
    known = st.sampled_from(words)
    return st.lists(known | known | known | raw, max_size=most).map("".join)


def settings_of(
    names: Sequence[str], right: Sequence[str], shape: str, most: int = 8
) -> SearchStrategy[str]:
    """Generate names with values, in `right` or any others; `shape` is a format such as "{}={}"."""
    pair = st.tuples(st.sampled_from(names), st.sampled_from(right) | raw)
    return st.lists(pair.map(lambda words: shape.format(*words)), max_size=most).map("".join)


def spoiled(originals: Sequence[str], edits: int = 3) -> SearchStrategy[str]:
    """Generate one of `originals` with some pieces removed, doubled, replaced or inserted."""

    @st.composite
    def made(draw: DrawFn) -> str:
        content = draw(st.sampled_from(originals))
        for _ in range(draw(st.integers(0, edits))):
            start = draw(st.integers(0, len(content)))
            end = min(len(content), start + draw(st.sampled_from((0, 1, 2, 10, 100, 10_000))))
            piece = draw(raw | st.just(content[start:end] * 2))
            content = content[:start] + piece + content[end:]
        return content

    return made()


# Copied, because lists and objects are modified in place.
scalars = (
    st.sampled_from((None, True, False, 0, 1, -1, 255, 256, 768, 2**31, 2**63, 10**30, 10**400))
    | st.sampled_from((0.5, 1e300, float("inf"), float("nan"), "0", "17", "Error", "Terminated"))
    | st.sampled_from(("Running", "\ud800", "x\ny", [], {}, [[]], [{}], {"1": []}, [None]))
    | text
).map(copy.deepcopy)


def wrong_json(originals: Sequence[str], noise: Sequence[str] = ()) -> SearchStrategy[str]:
    """Generate a recorded JSON document with changed values and names, and text around it."""

    @st.composite
    def made(draw: DrawFn) -> str:
        document = json.loads(draw(st.sampled_from(originals)))
        for _ in range(draw(st.integers(0, 4))):
            document = _changed(draw, document)
        printed = json.dumps(document, indent=draw(st.sampled_from((None, 1))))
        before = "".join(draw(st.lists(st.sampled_from(noise), max_size=2))) if noise else ""
        cut = draw(st.sampled_from((None, None, None, None, -1, -20)))
        return before + printed[:cut] + draw(st.sampled_from(("", "\n", "\n", "\n{}\n", "x")))

    return made()


def _changed(draw: DrawFn, node: Any) -> Any:
    """Return `node` with one value or name in it changed, or another value instead of `node`."""
    if not isinstance(node, (dict, list)) or not node or draw(st.integers(0, 9)) == 0:
        return draw(scalars)
    keys: list[Any] = list(node) if isinstance(node, dict) else list(range(len(node)))
    key = draw(st.sampled_from(keys))
    kind = draw(st.integers(0, 9))
    if kind == 0:
        del node[key]
    elif kind == 1 and isinstance(node, dict):
        node[draw(text)] = node.pop(key)
    else:
        node[key] = _changed(draw, node[key])
    return node
