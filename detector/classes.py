"""The table of damage classes: the one place where codes, names, colours and sizes stand.

Codes are those of the Road Damage Dataset (RDD2022, Arya et al., 2022); a model's class index is
the row's place in the table.
"""

from __future__ import annotations

from dataclasses import dataclass

from detector.errors import N_


@dataclass(frozen=True)
class DamageClass:
    """One row: `name` is the English name, and the key of its translations.

    `colour` keeps its distance from the others for colour-blind readers too (Okabe and Ito, 2008).
    `size` names the measure that severity goes by, and `severity_bounds` where medium and large
    begin, in metres or, for an area, square metres.
    """

    code: str
    name: str
    colour: str
    size: str
    severity_bounds: tuple[float, float]


LONGITUDINAL_CRACK, TRANSVERSE_CRACK, ALLIGATOR_CRACK, POTHOLE = range(4)

CLASSES: tuple[DamageClass, ...] = (
    DamageClass("D00", N_("Longitudinal crack"), "#0072b2", "length", (1.0, 3.0)),
    DamageClass("D10", N_("Transverse crack"), "#009e73", "width", (1.0, 2.5)),
    DamageClass("D20", N_("Alligator crack"), "#e69f00", "area", (0.5, 2.0)),
    DamageClass("D40", N_("Pothole"), "#d1495b", "width", (0.2, 0.45)),
)
CODES: tuple[str, ...] = tuple(row.code for row in CLASSES)

NO_MATCH = 1e6
MIXED_CLASSES = {
    frozenset((LONGITUDINAL_CRACK, ALLIGATOR_CRACK)): 4.0,
    frozenset((TRANSVERSE_CRACK, ALLIGATOR_CRACK)): 4.0,
    frozenset((LONGITUDINAL_CRACK, TRANSVERSE_CRACK)): 6.0,
    frozenset((ALLIGATOR_CRACK, POTHOLE)): 6.0,
}
"""What it costs, in squared standard errors, to take two classes for one damage; others never are."""

SEVERITIES: tuple[str, str, str] = (N_("small"), N_("medium"), N_("large"))


def severity(class_id: int, length_m: float, width_m: float, area_m2: float) -> int:
    """Index into `SEVERITIES` for a damage of that class and size."""
    row = CLASSES[class_id]
    size = {"length": length_m, "width": width_m, "area": area_m2}[row.size]
    return sum(size >= bound for bound in row.severity_bounds)


def mixing_price(one: int, other: int) -> float:
    """What it costs to take sightings of these two classes for the same damage."""
    return 0.0 if one == other else MIXED_CLASSES.get(frozenset((one, other)), NO_MATCH)
