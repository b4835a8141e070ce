"""The model in this repository: its files are those of its manifest, and it gives what its golden set says."""
import hashlib
import json

import numpy as np
import pytest

from detect import GRAPHS, onnx_stages, read_manifest, select_detections, detect_chromosomes
from golden import draw_picture, make_golden, read_golden

MODEL = "deepacev2-r24h"
MAX_WEIGHTS_BYTES = 32e6


@pytest.fixture(scope="module")
def shipped(model_assets):
    folder = model_assets / MODEL
    return folder, read_manifest(folder)


def test_files_are_those_of_the_manifest(shipped):
    folder, manifest = shipped
    for name, entry in manifest["files"].items():
        content = (folder / entry["path"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], name
        assert len(content) == entry["bytes"], name
    assert sum(manifest["files"][n]["bytes"] for n in GRAPHS) < MAX_WEIGHTS_BYTES


def test_manifest_follows_the_schema(shipped, model_assets):
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(shipped[1], json.loads((model_assets / "manifest.schema.json").read_text()))


def test_it_gives_its_golden_set(shipped):
    folder, manifest = shipped
    arrays, values, tolerances = read_golden(folder / "golden")
    again, values_again = make_golden(arrays["gray8"], manifest, onnx_stages(folder, manifest))
    assert values["counts"] == values_again["counts"]
    assert values["region"] == values_again["region"]
    for name, tolerance in (("objectness", "objectness"), ("scores", "scores"), ("embeddings", "embeddings")):
        np.testing.assert_allclose(again[name], arrays[name], atol=tolerances[tolerance], rtol=tolerances[tolerance])


def test_it_counts_what_is_drawn_and_not_46(shipped):
    """Strips apart from each other, a few each time; crude drawings, so one part of a strip may be boxed as well."""
    folder, manifest = shipped
    stages = onnx_stages(folder, manifest)
    places = [(50 + 70 * (i % 4), 50 + 70 * (i // 4), 44, 11, 37 * i, 2) for i in range(12)]
    for number in (7, 9, 12):
        gray = draw_picture(320, 260, strips=places[:number])
        cell = detect_chromosomes(gray, manifest, stages)
        assert number <= len(select_detections(cell.candidates, manifest)) <= number + 1


def test_a_blank_field_has_none(shipped):
    folder, manifest = shipped
    cell = detect_chromosomes(np.full((240, 320), 210, np.uint8), manifest, onnx_stages(folder, manifest))
    assert cell.plan.flags == ("noCellFound",)
    assert len(select_detections(cell.candidates, manifest)) == 0
