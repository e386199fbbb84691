"""What shows a person: faces and number plates in a picture, found by two small networks.

CenterFace (Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019; MIT) tells for each
fourth pixel how likely it is a face's middle. Number plates are found by a network of our own (`training.plate_model`).
Both come with the package, and are run with the content that is known here or not at all.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.errors import N_, ModelError
from detector.ultralytics_quiet import no_telemetry

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

WEIGHTS = Path(__file__).parent / "weights"
HEIGHT_PX, WIDTH_PX = 736, 1280
"""The part of a picture that the networks look at at once; multiples of their coarsest stride, 32."""
WHOLE_PX = ((384, 640), (416, 640), (480, 640), (HEIGHT_PX, WIDTH_PX), (800, WIDTH_PX), (960, WIDTH_PX))
"""Heights and widths for 16:9, 16:10 and 4:3, half and whole: a picture that fits into one is looked at at once."""
OVERLAP_PX = 192
"""By so much such parts lie over one another: what is smaller is whole in one of them."""
SAME_IOU = 0.4
"""Boxes of a kind that overlap more than this are one."""


class Kind(StrEnum):
    """What shows a person."""

    face = N_("face")
    plate = N_("number plate")
    person = N_("person")


@dataclass(frozen=True)
class Found:
    """What shows a person in one picture: `xyxy` (n, 4) px, `kind` (n,) and `score` (n,) from 0 to 1."""

    xyxy: Floats
    kind: tuple[Kind, ...]
    score: Floats

    def __len__(self) -> int:
        return len(self.kind)

    def of(self, kind: Kind) -> Found:
        """What is of one kind."""
        mine = np.array([one == kind for one in self.kind], bool)
        return Found(self.xyxy[mine], (kind,) * int(mine.sum()), self.score[mine])


@dataclass(frozen=True)
class _Network:
    """A network's file and the SHA-256 of its content, what it is given, and what its answer says: boxes and scores."""

    file: str
    sha256: str
    given: Callable[[Image], Floats]
    boxes: Callable[[list[Floats]], tuple[Floats, Floats]]


def _rgb(image: Image) -> Floats:
    return image.astype(np.float32).transpose(2, 0, 1)[None]


def rgb_shares(image: Image) -> Floats:
    """A picture (H, W, 3) as the plate network is given it: (1, 3, H, W), from 0 to 1."""
    return np.asarray(_rgb(image) / 255, np.float32)


def _middles(answer: list[Floats]) -> tuple[Floats, Floats]:
    """CenterFace: a score, the logarithms of height and width, and the middle's offset, for each fourth pixel."""
    score, size, offset = answer[0][0, 0], answer[1][0], answer[2][0]
    row, column = np.nonzero(score > 0.05)
    height, width = np.exp(size[:, row, column]) * 4
    y, x = (np.stack([row, column]) + offset[:, row, column] + 0.5) * 4
    boxes = np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], 1)
    return boxes.astype(np.float32), score[row, column]


def _boxes(answer: list[Floats]) -> tuple[Floats, Floats]:
    """YOLO: middle and size in pixels and a score, for each cell of three grids."""
    middle, size, score = np.split(answer[0][0].T, (2, 4), 1)
    return np.concatenate([middle - size / 2, middle + size / 2], 1), score[:, 0]


NETWORKS = {
    Kind.face: _Network(
        "centerface.onnx", "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc", _rgb, _middles
    ),
    Kind.plate: _Network(
        "plates.onnx", "1af5294b0a780e0bf1f5937b527714e7a76ab7bebf0aa5cee9d2706348d79697", rgb_shares, _boxes
    ),
}  # fmt: skip


class PrivateDetector:
    """Both networks, ready to look at pictures on the CPU."""

    def __init__(self, weights: Path = WEIGHTS) -> None:
        """Raises ModelError where a network's file is missing, or is not the one whose misses were measured."""
        no_telemetry()
        import openvino

        self._core = openvino.Core()
        self._content = {kind: _read(weights / one.file, one.sha256) for kind, one in NETWORKS.items()}
        self._runs: dict[tuple[Kind, int, int], Any] = {}
        # A compiled network holds one request at a time, and its answer until the next.
        self._turn = threading.Lock()

    def look(self, image: Image, scale: float, kind: Kind, least: float) -> tuple[Floats, Floats]:
        """Boxes (n, 4) in the picture's own pixels and scores (n,) of at least `least`, seen at that scale.

        `image` is (H, W, 3) uint8 RGB, of any size.
        """
        found = [np.empty((0, 5), np.float32)]
        for part, left, top in _parts(image, scale):
            with self._turn:
                boxes, score = self._look(part, kind)
            boxes = (boxes + np.array([left, top, left, top], np.float32)) / scale
            found.append(np.column_stack([boxes, score])[score >= least].astype(np.float32))
        rows = np.concatenate(found)
        height, width = image.shape[:2]
        edges = np.array([width, height, width, height], np.float32)
        boxes = np.clip(rows[:, :4], 0, edges)
        there = (boxes[:, :2] < boxes[:, 2:]).all(1)
        return boxes[there], rows[there, 4]

    def _look(self, part: Image, kind: Kind) -> tuple[Floats, Floats]:
        """What a network tells of a part, in its pixels; compiled for the part's size when that is first met."""
        network, (rows, columns, _) = NETWORKS[kind], part.shape
        if (kind, rows, columns) not in self._runs:
            model = self._core.read_model(self._content[kind], b"")
            model.reshape({model.input(0): [1, 3, rows, columns]})
            told = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
            self._runs[kind, rows, columns] = self._core.compile_model(model, "CPU", told)
        run = self._runs[kind, rows, columns]
        answer = run(network.given(part))
        return network.boxes([answer[output] for output in run.outputs])


def _read(path: Path, sha256: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(
            N_(
                "{path} can't be read ({reason}), and without it no picture is written: faces and number plates would show. Install the program again."
            ),
            path=path,
            reason=error.strerror,
        ) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ModelError(
            N_(
                "{path} is not the file that came with the program, and without it no picture is written: faces and number plates would show. Install the program again."
            ),
            path=path,
        )
    return content


def _parts(image: Image, scale: float) -> Iterator[tuple[Image, int, int]]:
    """Parts of a picture seen at a scale, filled up with grey, each with the place of its left upper corner there."""
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    fit = (size for size in WHOLE_PX if height <= size[0] and width <= size[1])
    rows, columns = next(fit, (HEIGHT_PX, WIDTH_PX))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    for top in _begins(height, rows):
        for left in _begins(width, columns):
            box = np.array([left, top, min(left + columns, width), min(top + rows, height)])
            x1, y1 = np.floor(box[:2] / scale).astype(int)
            x2, y2 = np.ceil(box[2:] / scale).astype(int)
            size = (int(box[2] - box[0]), int(box[3] - box[1]))
            part = np.full((rows, columns, 3), 114, np.uint8)
            seen = image[y1:y2, x1:x2]
            part[: size[1], : size[0]] = (
                seen if seen.shape[1::-1] == size else cv2.resize(seen, size, interpolation=how)
            )
            yield part, left, top


def _begins(length: int, part: int) -> list[int]:
    """Where parts begin so that they cover a length, evenly."""
    if length <= part:
        return [0]
    count = -(-(length - OVERLAP_PX) // (part - OVERLAP_PX))
    return [round(float(begin)) for begin in np.linspace(0, length - part, count)]


def distinct(boxes: Floats, scores: Floats) -> NDArray[np.intp]:
    """Which boxes to keep of those that lie over one another: the likeliest of each (non-maximum suppression)."""
    wide = np.column_stack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    return np.asarray(cv2.dnn.NMSBoxes(wide.tolist(), scores.tolist(), 0.0, SAME_IOU), np.intp).reshape(-1)
