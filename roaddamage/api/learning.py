"""`/api/`, the part of what models learn from: labelled frames, trainings, re-runs; to be read."""

# Without deferred annotations: ninja reads those of a paged view outside of this module.

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Router, Schema
from ninja.pagination import paginate

from detector.classes import CODES
from roaddamage.api.pages import ByNumber, known
from roaddamage.api.schemas import Problem
from roaddamage.problems import told
from roaddamage.records.audit import noted
from roaddamage.records.models import LabelledBox, LabelledFrame, Rerun, RerunDrive, Training
from roaddamage.web.access import who
from roaddamage.web.templating import say

router = Router()


class BoxOut(Schema):
    """An area of a frame of which a person said what is there."""

    uid: str = Field(description="Stays the same through CVAT and Label Studio")
    box: list[float] = Field(description="left, top, right, bottom as shares of the picture")
    damage_class: str | None = Field(alias="class", description="Null: no damage is there")
    rejected_as: str = Field(description="What looked like damage there: shadow, manhole, …")
    damage: int | None

    @staticmethod
    def of(row: LabelledBox) -> dict[str, Any]:
        """A row as the schema has it."""
        code = None if row.class_id is None else CODES[row.class_id]
        return {
            "uid": row.uid, "box": row.xyxy, "class": code, "rejected_as": row.rejected_as, "damage": row.damage_id,
        }  # fmt: skip


class FrameOut(Schema):
    """A picture that people judged."""

    number: int
    uid: str
    drive: int | None
    time_s: float = Field(description="Since the drive began")
    width_px: int
    height_px: int
    captured_at: datetime | None
    road: str
    judged: bool = Field(description="Whether anything that people said of it stands")
    whole: bool = Field(description="A person said that nothing but its boxes is in it")
    changed: datetime
    boxes: list[BoxOut]

    @staticmethod
    def of(row: LabelledFrame) -> dict[str, Any]:
        """A row as the schema has it."""
        same = ("uid", "width_px", "height_px", "captured_at", "road", "judged", "whole", "changed")
        return {name: getattr(row, name) for name in same} | {
            "number": row.pk, "drive": row.drive_id, "time_s": row.time_ms / 1000,
            "boxes": [BoxOut.of(one) for one in row.boxes.all()],
        }  # fmt: skip


class TrainingOut(Schema):
    """A training, and how its model compares."""

    number: int
    name: str
    state: str = Field(description="queued, running, done, failed or cancelled")
    by: str
    at: datetime
    started: datetime | None
    finished: datetime | None
    dataset: str
    begin_from: str = Field(description='The model that it begins from; "": the one of the package')
    epochs: int
    image_px: int
    course: list[Any] = Field(description="Epoch, mean loss, mean AP50 on the val part")
    against: str = Field(description="The model that it was compared with")
    promotable: bool | None = Field(description="Whether it is better by the rule; null before")
    promoted_as: str
    problem: str

    @staticmethod
    def of(row: Training) -> dict[str, Any]:
        """A row as the schema has it."""
        same = (
            "name", "state", "at", "started", "finished", "dataset", "begin_from", "epochs", "image_px", "course",
            "against", "promotable", "promoted_as",
        )  # fmt: skip
        return {name: getattr(row, name) for name in same} | {
            "number": row.pk, "by": row.by.username, "problem": told(row.problem, say) if row.problem else "",
        }  # fmt: skip


class RerunDriveOut(Schema):
    """A drive of a re-run, and what changed, counted."""

    drive: int
    model_before: str
    model: str
    finished: datetime | None = Field(description="Null while the earlier results stand")
    counts: dict[str, Any]

    @staticmethod
    def of(row: RerunDrive) -> dict[str, Any]:
        """A row as the schema has it."""
        same = ("model_before", "model", "finished", "counts")
        return {name: getattr(row, name) for name in same} | {"drive": row.drive_id}


class RerunOut(Schema):
    """Drives that were run again."""

    number: int
    by: str
    at: datetime
    model: str = Field(description="In use when it was asked for")
    drives: list[RerunDriveOut]

    @staticmethod
    def of(row: Rerun) -> dict[str, Any]:
        """A row as the schema has it."""
        return {
            "number": row.pk, "by": row.by.username, "at": row.at, "model": row.model,
            "drives": [RerunDriveOut.of(one) for one in row.drives.all()],
        }  # fmt: skip


@router.get("/frames", response=list[FrameOut], tags=["learning"], url_name="frames", by_alias=True)
@paginate(ByNumber, row_of=FrameOut.of)
def frames(request: HttpRequest) -> QuerySet[LabelledFrame]:
    """Labelled frames, by number."""
    noted(who(request), "frames.read", "api")
    return LabelledFrame.objects.prefetch_related("boxes")


@router.get(
    "/frames/{int:number}", response={200: FrameOut, 404: Problem}, tags=["learning"], url_name="frame",
    by_alias=True,
)  # fmt: skip
def frame(request: HttpRequest, number: int) -> dict[str, Any]:
    """A labelled frame."""
    row = get_object_or_404(LabelledFrame.objects.prefetch_related("boxes"), pk=known(number))
    noted(who(request), "frame.seen", row.uid)
    return FrameOut.of(row)


@router.get(
    "/trainings", response={200: list[TrainingOut], 403: Problem}, tags=["learning"], url_name="trainings"
)
@paginate(ByNumber, row_of=TrainingOut.of)
def trainings(request: HttpRequest) -> QuerySet[Training]:
    """Trainings, by number."""
    return Training.objects.select_related("by")


@router.get(
    "/trainings/{int:number}",
    response={200: TrainingOut, 403: Problem, 404: Problem},
    tags=["learning"],
    url_name="training",
)
def training(request: HttpRequest, number: int) -> dict[str, Any]:
    """A training."""
    return TrainingOut.of(get_object_or_404(Training.objects.select_related("by"), pk=known(number)))


@router.get("/reruns", response=list[RerunOut], tags=["learning"], url_name="reruns")
@paginate(ByNumber, row_of=RerunOut.of)
def reruns(request: HttpRequest) -> QuerySet[Rerun]:
    """Re-runs with their drives, by number."""
    return Rerun.objects.select_related("by").prefetch_related("drives")


@router.get(
    "/reruns/{int:number}", response={200: RerunOut, 404: Problem}, tags=["learning"], url_name="rerun"
)
def rerun(request: HttpRequest, number: int) -> dict[str, Any]:
    """A re-run."""
    rows = Rerun.objects.select_related("by").prefetch_related("drives")
    return RerunOut.of(get_object_or_404(rows, pk=known(number)))
