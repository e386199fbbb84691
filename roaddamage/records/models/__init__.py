"""What is kept: one table a word of the project's.

Places are EPSG:4326; metres, seconds and probabilities as in the dataclasses of `detector` and `maps` that the rows
are made from. Times are UTC.
"""

from roaddamage.records.models.damages import Apart, Cell, Damage, Passage, RecallCounts, Sighting
from roaddamage.records.models.decisions import PatrolFigures, Review, Stop, WorkList
from roaddamage.records.models.drives import Batch, Drive, FootageFile, Job, Upload, Vehicle, WayPiece
from roaddamage.records.models.exports import Export
from roaddamage.records.models.outside import Delivery, Token, Webhook
from roaddamage.records.models.people import AuditEntry, OneTimePassword
from roaddamage.records.models.roads import RoadsFile
from roaddamage.records.models.turns import Turn

__all__ = [
    "Apart",
    "AuditEntry",
    "Batch",
    "Cell",
    "Damage",
    "Delivery",
    "Drive",
    "Export",
    "FootageFile",
    "Job",
    "OneTimePassword",
    "Passage",
    "PatrolFigures",
    "RecallCounts",
    "Review",
    "RoadsFile",
    "Sighting",
    "Stop",
    "Token",
    "Turn",
    "Upload",
    "Vehicle",
    "WayPiece",
    "Webhook",
    "WorkList",
]
