"""What is kept: one table a word of the project's.

Places are EPSG:4326; metres, seconds and probabilities as in the dataclasses of `detector` and `maps` that the rows
are made from. Times are UTC.
"""

from roaddamage.records.models.damages import Apart, Cell, Damage, Passage, RecallCounts, Sighting
from roaddamage.records.models.decisions import PatrolFigures, Review, Stop, WorkList
from roaddamage.records.models.drives import Batch, Drive, FootageFile, Job, Upload, Vehicle, WayPiece
from roaddamage.records.models.erasures import Erased, Erasure
from roaddamage.records.models.exports import Export
from roaddamage.records.models.frames import (
    FrameChange,
    FrameChoice,
    FrameExport,
    LabelImport,
    LabelledBox,
    LabelledFrame,
    Opinion,
)
from roaddamage.records.models.keeping import Leaving, Retention, Worker
from roaddamage.records.models.outside import Delivery, Token, Webhook
from roaddamage.records.models.people import AuditEntry, OneTimePassword
from roaddamage.records.models.reruns import Rerun, RerunChange, RerunDrive
from roaddamage.records.models.roads import RoadsFile
from roaddamage.records.models.segments import Segment, SegmentTable
from roaddamage.records.models.trainings import Training
from roaddamage.records.models.turns import Turn
from roaddamage.records.models.work import Work

__all__ = [
    "Apart",
    "AuditEntry",
    "Batch",
    "Cell",
    "Damage",
    "Delivery",
    "Drive",
    "Erased",
    "Erasure",
    "Export",
    "FootageFile",
    "FrameChange",
    "FrameChoice",
    "FrameExport",
    "Job",
    "LabelImport",
    "LabelledBox",
    "LabelledFrame",
    "Leaving",
    "OneTimePassword",
    "Opinion",
    "Passage",
    "PatrolFigures",
    "RecallCounts",
    "Rerun",
    "RerunChange",
    "RerunDrive",
    "Retention",
    "Review",
    "RoadsFile",
    "Segment",
    "SegmentTable",
    "Sighting",
    "Stop",
    "Token",
    "Training",
    "Turn",
    "Upload",
    "Vehicle",
    "WayPiece",
    "Webhook",
    "Work",
    "WorkList",
    "Worker",
]
