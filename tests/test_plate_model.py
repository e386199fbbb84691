"""The plate detector of the package: what it learns from, and that it is trained, goes on and is shipped as it is used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from detector.masking import masker
from detector.private import WHOLE_PX
from training.plate_model import ship, write_tiles
from training.plate_pictures import TILE_PX, tile
from training.stages import run_stages

START = Path(__file__).parents[1] / "detector" / "weights" / "roaddamage-2.pt"


def road() -> np.ndarray:
    return np.random.default_rng(3).integers(80, 120, (400, 600, 3)).astype(np.uint8)


def test_drawn_pictures_know_their_plates_and_the_network_finds_them() -> None:
    made = [tile(road(), np.random.default_rng(10_000 + number)) for number in range(6)]
    assert np.array_equal(made[0].image, tile(road(), np.random.default_rng(10_000)).image)
    large = [(one, box) for one in made for box in one.xyxy if box[2] - box[0] >= 32]
    assert large
    for _, box in large:
        assert (box[:2] >= 0).all()
        assert (box[2:] <= TILE_PX).all()
    masked = [masker().masked(one.image).share_of(box) > 0.8 for one, box in large]
    assert np.mean(masked) > 0.7


def test_a_network_is_trained_in_stages_and_shipped(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.fromarray(road()).save(tmp_path / "images" / "a.png")
    out = tmp_path / "out"
    data = write_tiles(tmp_path, out, 2, watched=1)
    stages = tuple((name, {"epochs": 1, "imgsz": 64, "batch": 2, "workers": 0}) for name in ("one", "two"))
    last = run_stages(stages, START, out, data=str(data), device="cpu")
    written = last.stat().st_mtime_ns
    assert last == out / "two" / "weights" / "last.pt"
    assert run_stages(stages, START, out, data=str(data), device="cpu") == last
    assert last.stat().st_mtime_ns == written, "what is done is not trained again"
    ship(last, tmp_path / "plates.onnx", [road()[:384, :576]])
    import openvino

    network = openvino.Core().read_model(tmp_path / "plates.onnx")
    for rows, columns in WHOLE_PX:
        network.reshape({network.input(0): [1, 3, rows, columns]})
        assert network.output(0).shape[1] == 5, "a box and one score"
    rounded, count = in_eight_bits(tmp_path / "plates.onnx")
    assert rounded == count > 50


def in_eight_bits(network: Path) -> tuple[int, int]:
    """How many of a network's convolutions have weights in 8 bits, and how many it has."""
    import onnx

    nodes = onnx.load(network).graph.node
    spread = {name for node in nodes if node.op_type == "DequantizeLinear" for name in node.output}
    weights = [node.input[1] for node in nodes if node.op_type == "Conv"]
    return sum(name in spread for name in weights), len(weights)
