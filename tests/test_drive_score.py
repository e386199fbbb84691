"""A drive scored in blocks of 20 m, against damages whose places are known."""

from __future__ import annotations

from pathlib import Path

import geopandas
import pytest
from shapely.geometry import LineString, MultiLineString, Point

from detector.errors import RoadDamageError
from training.drive_score import DriveScore, read_drive_score

ZONE = "EPSG:32654"  # UTM 54 N, metres
EAST, NORTH = 380_000.0, 3_950_000.0


def results(folder: Path, found: list[tuple[str, float, float]], length_m: float = 195.0) -> Path:
    """A result's GeoPackage: a way straight to the east, damages (class, along, aside) m of it."""
    folder.mkdir()
    way = MultiLineString([[(EAST, NORTH), (EAST + length_m, NORTH)]])
    path = folder / "damages.gpkg"
    geopandas.GeoDataFrame({"drive": ["a"]}, geometry=[way], crs=ZONE).to_crs(4326).to_file(
        path, layer="track"
    )
    table(found).to_file(path, layer="damages")
    return folder


def table(rows: list[tuple[str, float, float]], **columns: list[float]) -> geopandas.GeoDataFrame:
    points = [Point(EAST + along, NORTH + aside) for _, along, aside in rows]
    return geopandas.GeoDataFrame(
        {"class": [row[0] for row in rows], **columns}, geometry=points, crs=ZONE
    ).to_crs(4326)


def score(tmp_path: Path, found: list[tuple[str, float, float]], true: geopandas.GeoDataFrame) -> DriveScore:
    true.to_file(tmp_path / "true.gpkg")
    return read_drive_score(results(tmp_path / "out", found), tmp_path / "true.gpkg", near_m=5.0)


def test_blocks_and_false_alarms_by_class(tmp_path: Path) -> None:
    found = [("D40", 12.0, 1.0), ("D40", 95.0, -2.0), ("D00", 130.0, 0.0)]
    true = table([("D40", 10.0, 0.0), ("D40", 50.0, 0.0), ("D10", 130.0, 1.0), ("D40", 100.0, 40.0)])
    told = score(tmp_path, found, true)
    assert told.way_m == pytest.approx(195, abs=0.2)
    assert told.left_out == 1
    potholes, of_all = told.scores[3], told.scores[-1]
    assert (potholes.true, potholes.found, potholes.false) == (2, 2, 1)
    assert (potholes.blocks.damaged, potholes.blocks.named) == (2, 2)
    assert (potholes.blocks.detection, potholes.blocks.hit) == (0.5, 0.5)
    assert potholes.false_per_km == pytest.approx(1000 / 195, rel=0.01)
    assert (of_all.blocks.blocks, of_all.blocks.detection, of_all.blocks.hit) == (10, 2 / 3, 2 / 3)


def test_a_long_damage_is_in_all_its_blocks(tmp_path: Path) -> None:
    line = LineString([(EAST + 30, NORTH), (EAST + 90, NORTH)])
    true = geopandas.GeoDataFrame({"class": ["D00"]}, geometry=[line], crs=ZONE)
    told = score(tmp_path, [("D00", 50.0, 0.0)], true.to_crs(4326))
    assert told.scores[0].blocks.damaged == 4  # 20-40, 40-60, 60-80, 80-100
    assert told.scores[0].false == 0
    by_length = table([("D00", 60.0, 0.0)], length_m=[60.0])
    by_length.to_file(tmp_path / "length.gpkg")
    assert read_drive_score(tmp_path / "out", tmp_path / "length.gpkg", 5.0).scores[0].blocks.damaged == 4


def test_nothing_true_and_nothing_found(tmp_path: Path) -> None:
    told = score(tmp_path, [("D00", 50.0, 0.0)], table([("D00", 900.0, 0.0)]))
    assert (told.left_out, told.scores[0].blocks.detection, told.scores[0].false) == (1, None, 1)


def test_what_can_not_be_scored_is_said(tmp_path: Path) -> None:
    out = results(tmp_path / "out", [("D00", 50.0, 0.0)])
    (tmp_path / "text.geojson").write_text("no places")
    table([("D99", 1.0, 0.0)]).to_file(tmp_path / "other.gpkg")
    table([("D00", 1.0, 0.0)]).drop(columns="class").to_file(tmp_path / "none.gpkg")
    for truth, words in (
        ("text.geojson", "can't be read"),
        ("missing.geojson", "can't be read"),
        ("other.gpkg", "D99"),
        ("none.gpkg", "no column class"),
    ):
        with pytest.raises(RoadDamageError, match=words):
            read_drive_score(out, tmp_path / truth, 5.0)
    with pytest.raises(RoadDamageError, match="can't be read"):
        read_drive_score(tmp_path, tmp_path / "other.gpkg", 5.0)
    standing = results(tmp_path / "standing", [("D00", 0.0, 0.0)], length_m=0.0)
    with pytest.raises(RoadDamageError, match="no way that was driven"):
        read_drive_score(standing, out / "damages.gpkg", 5.0)
