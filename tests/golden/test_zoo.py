# SPDX-License-Identifier: Apache-2.0
"""`intarsia bench zoo`: one table of the models in a folder."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from intarsia.bench import zoo
from intarsia.cli import app

pytestmark = pytest.mark.data


def test_rows_of_a_folder(data: Path, tmp_path: Path) -> None:
    """Labelled models have an accuracy; what cannot be imported has a reason; nothing stops the table."""
    folder = tmp_path / "models"
    folder.mkdir()
    for name in ("kws_dscnn_int8", "tflm_hello_world_int8"):
        shutil.copy(data / "models" / f"{name}.tflite", folder)
    (folder / "broken.tflite").write_bytes(b"nothing")
    (tmp_path / "datasets").symlink_to(data / "datasets")
    rows = {row.model: row for row in zoo.run(board_names=["host"], folder=folder)}
    assert rows["kws_dscnn_int8"].mismatched == 0
    assert rows["kws_dscnn_int8"].labelled == zoo.LABELLED_SAMPLES
    assert (rows["kws_dscnn_int8"].accuracy or 0) > 0.8
    assert rows["tflm_hello_world_int8"].accuracy is None
    assert "TFL3" in (rows["broken"].reason or "")
    table = zoo.to_text(list(rows.values()))
    assert "2 of 3 run without a differing output, 1 do not run" in table


def test_command(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["bench", "zoo", "--folder", str(data / "models"), "--model"]
    assert app.run([*arguments, "tflm_hello_world_int8", "--board", "host", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == zoo.SCHEMA
    assert [row["mismatched"] for row in document["rows"]] == [0]
    assert app.run([*arguments, "none"]) == 2


def test_rows_are_kept_and_gone_on_with(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "zoo.csv"
    arguments = ["bench", "zoo", "--folder", str(data / "models"), "--model", "tflm_hello_world_int8"]
    arguments += ["--board", "host"]
    assert app.run([*arguments, "--csv", str(table)]) == 0
    (row,) = zoo.from_csv(table.read_text())
    assert row.mismatched == 0
    told = zoo.to_csv([replace(row, ram_bytes=1)])
    table.write_text(told)
    assert app.run([*arguments, "--csv", str(table), "--resume"]) == 0
    assert table.read_text() == told
    assert "| tflm_hello_world_int8 |" in zoo.to_page([row], "# Models\n")
    assert app.run([*arguments, "--resume"]) == 2


def test_labels_name_existing_models(data: Path) -> None:
    models = {path.stem for path in (data / "models").glob("*.tflite")}
    assert set(zoo.labels()) <= models
