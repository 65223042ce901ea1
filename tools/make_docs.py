# SPDX-License-Identifier: Apache-2.0
"""Writes the pages under docs/ that are made from the code: commands, operators, Python API, models."""

from __future__ import annotations

import csv
import inspect
from pathlib import Path
from typing import Any

import typer

import intarsia
from intarsia import analyze, exactness
from intarsia.bench import plancases, planpage, plantable, zoo
from intarsia.cli import app

DOCS = Path(__file__).resolve().parents[1] / "docs"
NOTE = "<!-- made by tools/make_docs.py -->\n"


def commands() -> str:
    """Every command with its help text and options."""
    root: Any = typer.main.get_command(app.application())
    parts = [f"{NOTE}# Commands\n"]
    for name in app.VERBS:
        parts += _command(root.commands[name], f"intarsia {name}")
    return "\n".join(parts)


def _command(command: Any, title: str) -> list[str]:
    context = typer.Context(command, info_name=title)
    parts = [f"## {title}\n", inspect.cleandoc(command.help or "") + "\n"]
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            parts += _command(child, f"{title} {name}")
        return parts
    rows = [p.get_help_record(context) for p in command.params]
    lines = [f"| `{_cell(row[0])}` | {_cell(row[1])} |" for row in rows if row]
    usage = " ".join(command.collect_usage_pieces(context))
    return [*parts, f"`{title} {usage}`\n", "| option | |\n|---|---|", "\n".join(lines) + "\n"]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def operators() -> str:
    """Supported operators and the element types of their feature maps, and what becomes of those of ONNX."""
    known = analyze.operators()
    lines = [f"| {entry['name']} | {', '.join(entry['types'])} |" for entry in known]
    head = f"{NOTE}# Operators\n\n{len(known)} operators, with the element types of input and output:\n"
    onnx = [
        f"| {entry['name']} | {', '.join(entry['makes'])} | {_cell(entry['about'])} |"
        for entry in analyze.onnx_operators()
    ]
    return "\n".join(
        [
            head,
            "| operator | types |\n|---|---|",
            *lines,
            f"\n## ONNX\n\n{len(onnx)} operators of ONNX and what they become; those that become nothing are shapes,"
            "\nlayout or constants. [Models from PyTorch and Keras](onnx.md) says more.\n",
            "| ONNX operator | becomes | |\n|---|---|---|",
            *onnx,
            "",
        ]
    )


def python() -> str:
    """The public names of the package with their documentation."""
    parts = [f"{NOTE}# Python API\n", inspect.getdoc(intarsia) or "", ""]
    for name in intarsia.__all__:
        value = getattr(intarsia, name)
        if callable(value):
            signature = "" if inspect.isclass(value) else str(inspect.signature(value)).replace("'", "")
            parts += [f"## {name}\n", f"```python\n{name}{signature}\n```\n", inspect.getdoc(value) or "", ""]
    return "\n".join(parts)


def models() -> str:
    """The recorded table of public models."""
    title = (
        f"{NOTE}# Models\n\nPublic `.tflite` files as they are, made by `intarsia bench zoo --csv docs/zoo.csv`, with"
        " the files and labelled\ndata in the folder that INTARSIA_DATA names: outputs that differ from those of the"
        f" interpreter (integers at all, floats\nby more than {exactness.FLOAT_TOLERANCE:g} of the value), accuracy on"
        f" the first labelled samples ({zoo.LABELLED_SAMPLES} on the host, 2 on others; models without\nlabelled data"
        " of their shape run on random inputs), RAM and flash in bytes. The file that crashes the\ninterpreter (an int8"
        " state of SVDF) is compared with the numpy reference of Intarsia."
    )
    rows = zoo.from_csv((DOCS / "zoo.csv").read_text(encoding="utf-8"))
    return zoo.to_page(rows, f"{title}\n")


def built() -> str:
    """The recorded table of every model built for every board that is flashed."""
    with (DOCS / "boards-built.csv").open(newline="", encoding="utf-8") as stream:
        rows = {(row["model"], row["board"]): row for row in csv.DictReader(stream)}
    models, boards = (list(dict.fromkeys(key[i] for key in rows)) for i in (0, 1))
    fits = sum(row["outcome"].startswith("fits") for row in rows.values())
    title = (
        f"{NOTE}# Models on boards\n\nPublic `.tflite` files as they are, built for every board that is flashed, by"
        " `tools/build_everything.py FOLDER docs/boards-built.csv`: RAM and\nflash in KB of 1,024 bytes, exact in"
        " [the table of bytes](boards-built.csv), or which memory does not suffice. With a star,"
        f" what\nfits only with `--optimize size`. {fits} of {len(rows)} fit and build; what does not fit is refused,"
        " most of it before anything is compiled, the rest\nby the linker, and always with bytes needed, bytes there"
        " and the largest consumers.\n`mcunetv2_large_int8` is not in it: the search for its patches takes"
        " many minutes for each board.\n"
    )
    lines = [" | ".join(["", *(_cell_of(rows[model, board]) for board in boards)]) for model in models]
    return "\n".join(
        [
            title,
            f"| model | {' | '.join(boards)} |\n|---|{'---|' * len(boards)}",
            *(f"| {model}{line} |" for model, line in zip(models, lines, strict=True)),
            "",
        ]
    )


def _cell_of(row: dict[str, str]) -> str:
    """RAM and flash of a model on a board, or what does not suffice."""
    if not row["outcome"].startswith("fits"):
        return ", ".join(kind for kind in ("RAM", "flash") if f"{kind}: " in row["note"])
    star = "" if row["outcome"] == "fits" else " *"
    return f"{-(-int(row['ram']) // 1024):,} / {-(-int(row['flash']) // 1024):,}{star}"


def plans() -> str:
    """The plans of whole networks that were measured, `plans.csv`."""
    rows = plantable.from_csv((DOCS / "plans.csv").read_text(encoding="utf-8"))
    whys = {name: entry["why"] for name, entry in plancases.known().items() if "why" in entry}
    return planpage.to_page(rows, whys, NOTE + PLANS)


PLANS = """# Plans compared

What the search for bits brings to whole networks. `plans.csv` holds the rows; `intarsia bench plans --csv
docs/plans.csv --resume --device-samples 20` measures what it lacks, `tools/make_docs.py` makes this page of it.
Ranges, classes and bits come from calibration samples, accuracy from others, on the host board, whose bytes equal the
device's. BitOPs are multiply-accumulates x bits of the weights x bits of the input, what patches compute again
included. RAM and flash are those of the firmware, in bytes; kernels are those of the fewest instructions (`--optimize
speed`). "VDQS" keeps to a loss of 0.01, estimated on held-out calibration samples; the sweep and the variants with the
same bits everywhere have no limit. "front" names the figures in which no variant with at least this accuracy is better.

Rows were measured with the code of commit ddf5a32, those of `mcunet_vww_int8` but the patch-based one with that of
1ce56be, from which on networks of many layers have one start of the search. `mobilenet_v2_100_224_uint8` was not
measured with the same bits everywhere.

Patches alone go further than the rows below, which leave the search some room: with the image in the arena
`mobilenet_v2_100_224_uint8` needs an arena of 355,808 bytes for 7.6 % more MACs (`intarsia generate MODEL --board
qemu-cortex-m4 --ram 376K --flash 16M`), `vww` 20,536 bytes of RAM for 14 % more (`--ram 22K --input reader`).
"""

PAGES = {
    "commands.md": commands,
    "operators.md": operators,
    "plans.md": plans,
    "python.md": python,
    "zoo.md": models,
    "boards-built.md": built,
}


def main() -> None:
    """Writes all pages."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
