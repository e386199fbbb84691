"""The detector's recall, counted over the passes in the records."""

from __future__ import annotations

import numpy as np
from django.db.models import Count

from detector.classes import CLASSES, SEVERITIES
from detector.visibility import Light
from maps.passes import LIGHTS, Recall, recall_of
from roaddamage.records import models

ANEW = 1.02
"""Recall is counted anew where there are so many times the drives."""


def recall_now() -> Recall:
    """The detector's recall, from all passes of the records; counted anew whenever there are a few per cent more drives."""
    drives = models.Drive.objects.filter(state=models.Drive.State.done).count()
    kept = models.RecallCounts.objects.first()
    if kept and kept.drives < drives <= kept.drives * ANEW:
        return recall_of(np.array(kept.counts, float))
    counts = _counts()
    models.RecallCounts.objects.update_or_create(
        pk=kept.pk if kept else 1, defaults={"drives": drives, "counts": counts.tolist()}
    )
    return recall_of(counts)


def _counts() -> np.ndarray:
    counts = np.zeros((len(CLASSES), len(SEVERITIES), len(LIGHTS), 2))
    rows = (
        models.Passage.objects.filter(between=True)
        .values_list("damage__class_id", "damage__severity", "drive__light", "seen")
        .annotate(Count("pk"))
    )
    for class_id, severity, light, seen, count in rows:
        counts[class_id, severity, LIGHTS.index(Light[light] if light else None), int(seen)] += count
    return counts
