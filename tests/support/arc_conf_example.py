"""Generates the block `[custom:oar]` of arc.conf.example from the table of options."""

from __future__ import annotations

import textwrap

from arc_lrms_oar.options import OPTIONS, Option

BLOCK = "[custom:oar]\n"


def with_options(example: str) -> str:
    """The text of arc.conf.example with every option of the table below `[custom:oar]`."""
    head, block, _ = example.partition(f"\n{BLOCK}")
    if not block:
        raise ValueError("arc.conf.example has no line [custom:oar]")
    return head + block + "".join(f"\n{_described(option)}" for option in OPTIONS)


def _described(option: Option) -> str:
    scope = " (per queue)" if option.per_queue else ""
    text = f"{option.name} = {option.type.name}{scope}: {option.meaning}."
    lines = textwrap.wrap(
        text, 100, initial_indent="## ", subsequent_indent="## ", break_long_words=False
    )
    return "\n".join([*lines, f"#{option.name} = {option.default}".rstrip()]) + "\n"
