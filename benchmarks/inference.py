"""Pictures a second on the CPU: PyTorch, ONNX Runtime and OpenVINO, on the same pictures.

    python -m benchmarks.inference [--model weights.pt] [--pictures DIR] [--count 50]

The model is exported to a temporary folder first. Each picture goes in by itself through
`detector.model.Model`, with resizing and what comes after the network, as decoding does not. The forms take
turns, a round of all pictures each, and the best of the rounds counts, so that other work on the machine
disturbs them alike. Without `--pictures`, rendered frames of 1280 x 720.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from datasets.synthetic import labelled_frames
from detector.model import DEFAULT_MODEL, Model
from training.exported import export_model, target


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.pictures:
        read = (cv2.imread(str(path)) for path in sorted(options.pictures.iterdir())[: options.count])
        images = [np.asarray(image[..., ::-1], np.uint8) for image in read if image is not None]
    else:
        images = [frame.image for frame in labelled_frames(options.count, seed=4)]
    with tempfile.TemporaryDirectory() as folder:
        models = {"PyTorch": Model(options.model, "cpu")}
        for name, form in (("ONNX Runtime", "onnx"), ("OpenVINO", "openvino")):
            export_model(options.model, form, Path(folder), "cpu")
            models[name] = Model(Path(folder) / target(options.model, form), "cpu")
        best_s = dict.fromkeys(models, float("inf"))
        for model in models.values():
            model.detect(images[:1])
        for _ in range(options.rounds):
            for name, model in models.items():
                begin = time.perf_counter()
                for image in images:
                    model.detect([image])
                best_s[name] = min(best_s[name], time.perf_counter() - begin)
    print(f"{len(images)} pictures, {models['PyTorch'].image_px} px, one at a time")
    for name, seconds in best_s.items():
        print(f"{name:16}{len(images) / seconds:8.1f} pictures/s{best_s['PyTorch'] / seconds:8.2f} x")


if __name__ == "__main__":
    main()
