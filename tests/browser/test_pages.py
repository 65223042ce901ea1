# SPDX-License-Identifier: Apache-2.0
"""Pages in a real browser: widths, colours, print, keyboard, screen reader, units."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from intarsia.cli import app
from intarsia.report import html
from intarsia.report.compare import compare
from intarsia.report.document import Document
from support import runs
from support.browser import Browser

pytestmark = pytest.mark.browser

WIDTHS = (380, 1600)
A4 = 718
"""Pixels between the margins of a printed page."""

BEYOND = """
[...document.querySelectorAll('body *')].filter(e => {
  const box = e.getBoundingClientRect(), inside = e.closest('.scroll, details > div');
  return box.width && (!inside || inside === e) && !e.matches('.skip') && !e.closest('thead')
    && (box.right > innerWidth + 0.5 || box.left < -0.5);
}).map(e => e.tagName + '.' + e.getAttribute('class'))
"""

WITHOUT_UNIT = """
[
  ...[...document.querySelectorAll('td.n')].filter(cell => {
    const head = cell.closest('table').querySelector('thead tr').children[cell.cellIndex];
    return !head.dataset.unit;
  }).map(cell => 'cell ' + cell.textContent),
  ...[...document.querySelectorAll('.figure')].filter(f =>
    /\\d/.test(f.textContent) && !f.querySelector('.unit')?.textContent.trim()
  ).map(f => 'figure ' + f.textContent),
  ...[...document.querySelectorAll('svg title')].filter(t =>
    /\\d{3}/.test(t.textContent) && !/bytes|bits|rows/.test(t.textContent)
  ).map(t => 'title ' + t.textContent),
]
"""

UNNAMED = """
[
  ...[...document.querySelectorAll('svg[role=img]')].filter(s =>
    !s.getAttribute('aria-label') && !(s.querySelector(':scope > title') && s.querySelector(':scope > desc'))),
  ...[...document.querySelectorAll('svg:not([role=img]):not([aria-hidden])')].filter(s =>
    !s.parentElement.closest('svg')),
  ...[...document.querySelectorAll('table')].filter(t => !t.caption && !t.getAttribute('aria-labelledby')),
  ...[...document.querySelectorAll('th')].filter(h => !h.scope),
  ...[...document.querySelectorAll('[role=region]')].filter(r => !r.getAttribute('aria-label') || r.tabIndex !== 0),
].map(e => e.outerHTML.slice(0, 120))
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as started:
        yield started


@pytest.fixture(scope="module")
def pages(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages of a run with everything, of one without a counter, of an old one, of two runs, and of a real run in
    patches."""
    folder = tmp_path_factory.mktemp("pages")
    arguments = [
        "profile",
        str(digits / "digits96_int8.tflite"),
        "-b",
        "host",
        "--patches",
        "3x2",
        "--diff",
        "-q",
    ]
    arguments += ["--data", str(digits / "test.npz"), "--input-scale", "0.0039215686", "--samples", "30"]
    assert app.run([*arguments, "-o", str(folder / "run")]) == 0
    run = Document.model_validate(runs.full_run())
    bare = Document.model_validate(runs.full_run("none"))
    old = bare.model_copy(
        update={"plan": None, "arena": None, "classification": None, "environment": None, "accuracy": None}
    )
    texts = {
        "full": html.render(run, runs.pictures()),
        "bare": html.render(bare),
        "old": html.render(old),
        "two": html.render_comparison(compare(run, run, [], ("a/" * 60, "b")), [run, run]),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in texts} | {"real": folder / "run" / "report.html"}


NAMES = ("full", "bare", "old", "two", "real")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_overflows_and_nothing_complains(
    name: str, width: int, browser: Browser, pages: dict[str, Path]
) -> None:
    for dark in (False, True):
        browser.messages.clear()
        browser.show(pages[name], width, dark=dark)
        assert browser.evaluate("document.documentElement.scrollWidth") == width
        assert browser.evaluate(BEYOND) == []
        browser.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert browser.evaluate("document.documentElement.scrollWidth") == width
        assert browser.evaluate(BEYOND) == []
        assert browser.messages == []


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_has_its_unit(name: str, browser: Browser, pages: dict[str, Path]) -> None:
    browser.show(pages[name], WIDTHS[1])
    assert browser.evaluate("document.querySelectorAll('td.n').length") > 0
    assert browser.evaluate(WITHOUT_UNIT) == []


def test_dark_and_light_differ(browser: Browser, pages: dict[str, Path]) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    browser.show(pages["full"], WIDTHS[1])
    light = browser.evaluate(background)
    browser.show(pages["full"], WIDTHS[1], dark=True)
    assert browser.evaluate(background) != light


def test_printed_on_white_with_all_tables_open(browser: Browser, pages: dict[str, Path]) -> None:
    browser.show(pages["full"], A4, dark=True, media="print")
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.evaluate("getComputedStyle(document.body).color") == "rgb(36, 34, 30)"
    assert browser.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert browser.evaluate("document.documentElement.scrollWidth") == A4
    heights = browser.evaluate(
        "[...document.querySelectorAll('details > div')].map(d => d.checkVisibility())"
    )
    assert heights
    assert all(heights)


@pytest.mark.parametrize("name", NAMES)
def test_a_screen_reader_finds_names(name: str, browser: Browser, pages: dict[str, Path]) -> None:
    browser.show(pages[name], WIDTHS[0])
    assert browser.evaluate(UNNAMED) == []
    assert browser.evaluate("document.documentElement.lang") == "en"
    levels = browser.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    roles = [node["role"]["value"] for node in nodes if not node.get("ignored")]
    assert {"main", "table", "columnheader", "rowheader", "cell", "heading"} <= set(roles)


def test_the_keyboard_reaches_everything_in_order(browser: Browser, pages: dict[str, Path]) -> None:
    browser.show(pages["full"], WIDTHS[1])
    wanted = browser.evaluate(
        "[...document.querySelectorAll('a, summary, [tabindex=\"0\"]')].filter(e => e.checkVisibility()).length"
    )
    seen = []
    for _ in range(wanted):
        for kind in ("keyDown", "keyUp"):
            browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        seen.append(browser.evaluate("document.activeElement.outerHTML.slice(0, 60)"))
        outline = browser.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
    assert len(set(seen)) == wanted
    assert 'class="skip"' in seen[0]
