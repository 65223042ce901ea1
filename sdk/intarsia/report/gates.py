# SPDX-License-Identifier: Apache-2.0
"""Limits that a run must meet, and JUnit XML that tells of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree

from intarsia.errors import UsageError
from intarsia.report.document import Document, Gate
from intarsia.report.text import summary

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LABELS = "the data have no labels of classes"


@dataclass(frozen=True)
class Limits:
    """What is asked for.

    Least accuracy and largest drop below the reference's own accuracy, both in [0, 1]; and whether every
    output value must equal the reference's.
    """

    min_accuracy: float | None = None
    max_drop: float | None = None
    bit_exact: bool = False


def check(document: Document, limits: Limits) -> Document:
    """The document with its gates. Raises UsageError when accuracy is asked for and there are no labels."""
    gates = []
    if limits.bit_exact:
        reference = document.reference
        different = reference.mismatched_outputs
        gates.append(
            Gate(
                name="bit-exact",
                limit=0,
                value=different,
                passed=not different and reference.max_abs_diff == 0.0,
            )
        )
    if limits.min_accuracy is not None:
        value = _accuracy(document, "--min-accuracy")
        gates.append(
            Gate(
                name="min-accuracy",
                limit=limits.min_accuracy,
                value=value,
                passed=value >= limits.min_accuracy,
            )
        )
    if limits.max_drop is not None:
        base = document.reference.accuracy
        drop = (base if base is not None else 0.0) - _accuracy(document, "--max-drop")
        gates.append(Gate(name="max-drop", limit=limits.max_drop, value=drop, passed=drop <= limits.max_drop))
    return document.model_copy(update={"gates": tuple(gates)})


def _accuracy(document: Document, option: str) -> float:
    if document.accuracy is None:
        raise UsageError(f"{option} needs labels: {_LABELS}", hint="give data with class numbers in 'y'")
    return document.accuracy.value


def junit(document: Document) -> str:
    """One test case per gate; without gates one that the run itself passed."""
    gates = document.gates or ()
    failed = sum(not gate.passed for gate in gates)
    name = _clean(f"{document.model} on {document.board}")
    suite = ElementTree.Element(
        "testsuite", name=name, tests=str(len(gates) or 1), failures=str(failed), errors="0", skipped="0"
    )
    for gate in gates:
        case = ElementTree.SubElement(suite, "testcase", classname=name, name=gate.name)
        if not gate.passed:
            text = f"{gate.name}: found {gate.value:.6g}, limit {gate.limit:g}"
            ElementTree.SubElement(case, "failure", message=text).text = text
    if not gates:
        ElementTree.SubElement(suite, "testcase", classname=name, name="run")
    output = ElementTree.SubElement(suite, "system-out")
    output.text = _clean("\n".join(f"{what}: {text}" for what, text in summary(document)))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _clean(text: str) -> str:
    """Text without characters that XML 1.0 does not allow."""
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)
