# SPDX-License-Identifier: Apache-2.0
"""Compares docs/misra.md with what the add-on finds: departures in its table, and the rules it says we follow."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from checker import ADDON

PAGE = Path(__file__).resolve().parents[2] / "docs" / "misra.md"
_ROW = re.compile(r"^\| (\d+\.\d+) \|", re.MULTILINE)
_CHECK = re.compile(r"def misra_(\d+)_(\d+)\b")
_FOLLOWED = re.compile(r"<!-- followed -->\n(.*?)\n<!-- end -->", re.DOTALL)


def known() -> set[str]:
    """Numbers of the rules that the add-on knows how to check."""
    return {f"{chapter}.{rule}" for chapter, rule in _CHECK.findall(ADDON.read_text(encoding="utf-8"))}


def differences(found: Iterable[str]) -> list[str]:
    """What the page says wrongly, given the numbers of the rules that code departs from; empty when it is right."""
    text = PAGE.read_text(encoding="utf-8")
    departed, listed = set(found), set(_ROW.findall(text))
    section = _FOLLOWED.search(text)
    followed = set(re.findall(r"\d+\.\d+", section[1])) if section else set()
    pairs = (
        ("departs from rules that the table does not have", departed - listed),
        ("follows rules that the table calls departures", listed - departed),
        ("follows rules that the page does not list", known() - departed - followed),
        ("does not follow, or nobody checks, rules that the page lists", followed - (known() - departed)),
    )
    return [f"{PAGE.name}: code {what}: {ordered(rules)}" for what, rules in pairs if rules]


def ordered(rules: Collection[str]) -> str:
    """Numbers in their order."""
    return ", ".join(sorted(rules, key=lambda rule: [int(part) for part in rule.split(".")]))
