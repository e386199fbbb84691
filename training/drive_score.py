"""What was found on a drive whose damages are known: the measure of the national trials, in blocks of 20 m.

A block of the way is damaged where a true damage reaches into it, named where a found one does. Detection is the
share of damaged blocks that were named, hit the share of named blocks that are damaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
from numpy.typing import NDArray
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from detector.classes import CODES
from detector.errors import N_, RoadDamageError, Translate
from maps.places_file import read_places
from training.evaluate import ALL
from training.evaluation_report import class_name, number
from training.scores import BlockRates, Floats, block_rates

GEOPACKAGE = "damages.gpkg"
FAR_M = 15.0
"""A damage farther than this to the side of the way is not one of this drive's."""


class DriveScoreError(RoadDamageError):
    """Results or a truth that can't be scored."""

    exit_code = 2


@dataclass(frozen=True)
class ClassScore:
    """One class (ALL: any): true and found damages, found ones without a true one near, and its blocks."""

    code: str
    true: int
    found: int
    false: int
    false_per_km: float
    blocks: BlockRates


@dataclass(frozen=True)
class DriveScore:
    """A drive's scores by class, the last of all. `left_out` true damages lie too far from the way."""

    way_m: float
    near_m: float
    left_out: int
    scores: tuple[ClassScore, ...]


def read_drive_score(results: Path, truth: Path, near_m: float) -> DriveScore:
    """Score the folder that `roaddamage detect` wrote against a file of true damages.

    Raises PlacesError and DriveScoreError for files that are not there or not what they should be, and for a drive
    without a way.
    """
    package = results / GEOPACKAGE if results.is_dir() else results
    found, way, true = read_places(package, "damages"), read_places(package, "track"), read_places(truth)
    if "class" not in true.columns:
        raise DriveScoreError(N_("{path} has no column class (D00, D10, D20, D40)."), path=truth)
    unknown = sorted(set(true["class"].astype(str)) - set(CODES))
    if unknown:
        raise DriveScoreError(
            N_("{path} has other classes ({unknown}); this system knows {known}."),
            path=truth,
            unknown=", ".join(unknown)[:80],
            known=", ".join(CODES),
        )
    return drive_score(found, true, way, near_m)


def drive_score(
    found: geopandas.GeoDataFrame, true: geopandas.GeoDataFrame, way: geopandas.GeoDataFrame, near_m: float
) -> DriveScore:
    """Score found damages against true ones along a way, (Multi)LineStrings; tables in any coordinates.

    Lengths are metres in the way's UTM zone. A found damage is false where no true one of its class lies within
    `near_m`. Damages farther than `FAR_M` from the way, or beyond its ends, are left out. Raises DriveScoreError
    where nothing was driven.
    """
    if way.empty:
        raise DriveScoreError(N_("The results hold no way that was driven."))
    metric = way.estimate_utm_crs()
    lines = way.to_crs(metric).geometry.explode(ignore_index=True)
    ways = [one for one in lines if one.length > 0]
    if not ways:
        raise DriveScoreError(N_("The results hold no way that was driven."))
    begins_m = np.concatenate([[0.0], np.cumsum([one.length for one in ways])])
    found, true = (table.to_crs(metric) for table in (found, true))
    spans, true_spans = (_spans(table, ways, begins_m, near_m) for table in (found, true))
    kept, true_kept = (np.isfinite(one).all(1) for one in (spans, true_spans))
    right = _right(found, true, near_m)
    length_m = float(begins_m[-1])
    scores = []
    for code in (*CODES, ALL):
        mine, true_mine = (
            keep & (np.ones(len(table), bool) if code == ALL else (table["class"] == code).to_numpy())
            for table, keep in ((found, kept), (true, true_kept))
        )
        false = int((mine & ~right).sum())
        blocks = block_rates(true_spans[true_mine], spans[mine], length_m)
        scores.append(
            ClassScore(code, int(true_mine.sum()), int(mine.sum()), false, 1000 * false / length_m, blocks)
        )
    return DriveScore(length_m, near_m, int((~true_kept).sum()), tuple(scores))


def _spans(
    table: geopandas.GeoDataFrame, ways: list[BaseGeometry], begins_m: Floats, near_m: float
) -> Floats:
    """Where each damage begins and ends along the ways (n, 2) m; nan for one too far off.

    A line reaches from its first point's foot to its last's; a point with `length_m` that far about its own.
    """
    tree = STRtree(ways)
    spans = np.full((len(table), 2), np.nan)
    lengths = (
        table["length_m"].fillna(0.0).to_numpy(float) if "length_m" in table.columns else np.zeros(len(table))
    )
    for row, (place, length_m) in enumerate(zip(table.geometry, lengths, strict=True)):
        nearest = int(tree.nearest(place))
        way = ways[nearest]
        ends = list(place.boundary.geoms) if place.geom_type == "LineString" else []
        feet = [way.project(one) for one in ends or [place.centroid]]
        beyond = max(feet) <= 0 or min(feet) >= way.length
        if way.distance(place) > (near_m if beyond else FAR_M):
            continue
        reach_m = 0.0 if ends else length_m / 2
        spans[row] = begins_m[nearest] + np.clip([min(feet) - reach_m, max(feet) + reach_m], 0, way.length)
    return np.asarray(np.minimum(spans, begins_m[-1]), float)


def _right(found: geopandas.GeoDataFrame, true: geopandas.GeoDataFrame, near_m: float) -> NDArray[np.bool_]:
    """Which found damages (n,) have a true one of their class within so many metres."""
    pairs = true.sindex.query(found.geometry, predicate="dwithin", distance=near_m)
    same = found["class"].to_numpy()[pairs[0]] == true["class"].to_numpy()[pairs[1]]
    right = np.zeros(len(found), bool)
    right[pairs[0][same]] = True
    return right


def summary(told: DriveScore, translate: Translate) -> str:
    """The scores as lines for a terminal."""
    _ = translate
    lines = [
        _(N_("Way: {km} km; blocks of 20 m: {blocks}")).format(
            km=f"{told.way_m / 1000:.2f}", blocks=told.scores[-1].blocks.blocks
        )
    ]
    if told.left_out:
        lines.append(
            _(
                N_("True damages farther than {far} m from the way or beyond its ends, left out: {count}")
            ).format(far=f"{FAR_M:.0f}", count=told.left_out)
        )
    text = _(
        N_(
            "{name}: detection {detection} of {damaged} damaged blocks, hit {hit} of {named} named;"
            " true {true}, found {found}, false {false} ({per_km} a km)"
        )
    )
    for one in told.scores:
        if one.true or one.found:
            lines.append(
                text.format(
                    name=class_name(one.code, _),
                    detection=number(one.blocks.detection),
                    damaged=one.blocks.damaged,
                    hit=number(one.blocks.hit),
                    named=one.blocks.named,
                    true=one.true,
                    found=one.found,
                    false=one.false,
                    per_km=f"{one.false_per_km:.1f}",
                )
            )
    return "\n".join(lines)
