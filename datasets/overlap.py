"""How much boxes overlap."""

from __future__ import annotations

import numpy as np

from datasets.dataset import Floats


def iou(one: Floats, other: Floats) -> Floats:
    """Overlap of boxes (n, 4) with boxes (m, 4), xyxy: (n, m), intersection over union."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    area, other_area = ((boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (one, other))
    return np.asarray(shared / np.maximum(area[:, None] + other_area - shared, 1e-9), float)
