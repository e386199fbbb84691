"""Which frames are asked for: filters as an address has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from detector.classes import CLASSES
from roaddamage.records.decisions import REJECTED_AS
from roaddamage.records.models import FrameChange, LabelledBox, LabelledFrame, Opinion
from roaddamage.records.numbers import number_in

LABELLED = ("whole", "part")
NOT_EXPORTED, EXPORTED = "no", "yes"


@dataclass(frozen=True)
class Frames:
    """Filters; "" or None: any. Days are the municipality's, both included, of the last change."""

    class_id: int | None = None
    rejected_as: str = ""
    labelled: str = ""
    since: date | None = None
    until: date | None = None
    drive: int | None = None
    exported: str = ""
    by: int | None = None
    twice: bool = False
    """Only those that two people labelled."""

    def rows(self) -> QuerySet[LabelledFrame]:
        """The frames of which something stands, filtered."""
        rows = LabelledFrame.objects.filter(judged=True)
        boxes = LabelledBox.objects.filter(frame=OuterRef("pk"))
        if self.class_id is not None:
            rows = rows.filter(Exists(boxes.filter(class_id=self.class_id)))
        if self.rejected_as:
            rows = rows.filter(Exists(boxes.filter(rejected_as=self.rejected_as)))
        if self.labelled:
            rows = rows.filter(whole=self.labelled == "whole")
        if self.since:
            rows = rows.filter(changed__gte=_midnight(self.since))
        if self.until:
            rows = rows.filter(changed__lt=_midnight(self.until + timedelta(days=1)))
        if self.drive is not None:
            rows = rows.filter(drive=self.drive)
        if self.exported:
            rows = rows.filter(exported__isnull=self.exported == NOT_EXPORTED)
        if self.by is not None:
            rows = rows.filter(Exists(FrameChange.objects.filter(frame=OuterRef("pk"), by=self.by)))
        if self.twice:
            rows = rows.filter(Exists(Opinion.objects.filter(frame=OuterRef("pk"))))
        return rows

    def query(self) -> dict[str, str]:
        """As an address has it."""
        told = {
            "class": self.class_id, "rejected": self.rejected_as, "labelled": self.labelled, "from": self.since,
            "to": self.until, "drive": self.drive, "exported": self.exported, "by": self.by, "twice": "yes" if self.twice else "",
        }  # fmt: skip
        return {name: str(value) for name, value in told.items() if value not in (None, "")}


def read(asked: Mapping[str, str]) -> Frames:
    """The filters of an address; what makes no sense is left out."""
    class_id = number_in(asked.get("class", ""))
    return Frames(
        class_id if class_id is not None and class_id < len(CLASSES) else None,
        _one_of(asked.get("rejected", ""), tuple(REJECTED_AS)), _one_of(asked.get("labelled", ""), LABELLED),
        _day(asked.get("from", "")), _day(asked.get("to", "")), number_in(asked.get("drive", "")),
        _one_of(asked.get("exported", ""), (NOT_EXPORTED, EXPORTED)), number_in(asked.get("by", "")), asked.get("twice", "") == "yes",
    )  # fmt: skip


def counts_of(rows: QuerySet[LabelledFrame]) -> dict[str, object]:
    """How many frames there are, whole ones among them, and areas by class and by what they were rejected as."""
    told = rows.aggregate(frames=Count("pk"), whole=Count("pk", filter=Q(whole=True)))
    boxes = LabelledBox.objects.filter(frame__in=rows).order_by()
    classes = dict(boxes.filter(class_id__isnull=False).values_list("class_id").annotate(count=Count("pk")))
    rejected = dict(boxes.exclude(rejected_as="").values_list("rejected_as").annotate(count=Count("pk")))
    return {**told, "classes": classes, "rejected": rejected}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), timezone.get_current_timezone())


def _one_of(text: str, known: tuple[str, ...]) -> str:
    return text if text in known else ""


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1970 <= day.year < 9000 else None
