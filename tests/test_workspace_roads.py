"""The workspace's roads: given, kept, and damages placed on them, while drives are counted and afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import transaction
from typer.testing import CliRunner

from benchmarks.road_survey import MadeDrive, damages, drive, grid_town, survey_of
from maps.assessment import assess
from maps.network import Network
from maps.roads import Roads, RoadsError, read_roads
from maps.rules import default_rules
from roaddamage import doctor, roads
from roaddamage.cli import app
from roaddamage.doctor import Word
from roaddamage.records import models, placing
from roaddamage.records.counting import count_in
from roaddamage.records.rows import fill_drive, way_of
from roaddamage.workspace import Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("workspace")]
TOWN = grid_town(4, 120.0)
PLACE = ("road_id", "road", "road_kind", "traffic", "chainage_m", "priority")


def ledger(path: Path, told: Roads, **columns: Any) -> Path:
    """A municipality's file of these roads."""
    table = {"路線番号": told.road_id, "路線名": told.name, "道路種別": ["市道"] * len(told), **columns}
    geopandas.GeoDataFrame(table, geometry=[*told.lines], crs="EPSG:6668").to_file(path)
    return path


@pytest.fixture(scope="module")
def drives() -> list[MadeDrive]:
    network = Network(TOWN, default_rules().lanes)
    rng = np.random.default_rng(5)
    truth = damages(network, rng, 25.0)
    return [drive(network, truth, rng, f"d{number}", 1_500.0, 7.0 * number) for number in range(4)]


@pytest.fixture
def given(tmp_path: Path) -> Path:
    return ledger(tmp_path / "道路台帳.gpkg", TOWN, 交通量=[None, 5_000.0, *[None] * (len(TOWN) - 2)])


@pytest.fixture
def count(db: None) -> Callable[[MadeDrive], None]:
    by = User.objects.create_user("crew")

    def counted(made: MadeDrive) -> None:
        row = models.Drive(name=made.way.drive, digest=made.way.drive, by=by, state=models.Drive.State.done)
        fill_drive(row, made.way, made.driven)
        row.save()
        with transaction.atomic():
            count_in(row, made.way, made.sightings)

    return counted


def places() -> dict[int, tuple[Any, ...]]:
    """By the first sighting of each damage: where it lies, and its priority to a hundredth of a point."""
    rows = models.Damage.objects.filter(joined_into__isnull=True)
    told = {}
    for row in rows:
        *where, chainage, priority = (getattr(row, name) for name in PLACE)
        first = row.sightings.order_by("pk").values_list("drive__name", "time_s").first()
        told[first] = (*where, chainage and round(chainage, 1), round(priority, 2))
    return told


def placed_all() -> list[tuple[int, int]]:
    told: list[tuple[int, int]] = []
    placing.place_all(lambda done, left: told.append((done, left)))
    return told


def test_damages_lie_where_the_exports_have_them(
    drives: list[MadeDrive], given: Path, count: Callable[[MadeDrive], None]
) -> None:
    roads.give_roads(given)
    for one in drives:
        count(one)
    network = roads.workspace_network()
    assert network is not None
    kept = {row.name: way_of(row) for row in models.Drive.objects.all()}
    whole = assess(
        survey_of([replace(one, way=kept[one.way.drive]) for one in drives]), network, default_rules()
    )
    wanted = {frozenset((s.drive, s.lon, s.lat) for s in one.sightings): one for one in whole.named}
    rows = models.Damage.objects.filter(joined_into__isnull=True).prefetch_related("sightings__drive")
    same = [
        (row, wanted.get(frozenset((s.drive.name, s.lon, s.lat) for s in row.sightings.all())))
        for row in rows
    ]
    both = [(row, damage) for row, damage in same if damage is not None]
    assert len(both) >= 0.97 * len(wanted)
    assert [row.road for row, _ in both] == [damage.road for _, damage in both]
    assert [row.chainage_m for row, _ in both] == pytest.approx(
        [damage.chainage_m for _, damage in both], abs=0.01
    )
    assert sum(bool(row.road) for row in rows) >= 0.95 * len(rows)
    assert {row.road_kind for row in rows if row.road} == {"市道"}


@pytest.mark.parametrize("before", [0, 2, 4])
def test_it_does_not_matter_when_the_roads_are_given(
    before: int, drives: list[MadeDrive], given: Path, count: Callable[[MadeDrive], None]
) -> None:
    """Before all drives are counted, in the middle, or after them: in the end each damage lies where it does."""
    for one in drives[:before]:
        count(one)
    assert {where[:5] for where in places().values()} <= {("", "", "", None, None)}
    row = roads.give_roads(given)
    told = placed_all()
    assert told == [(done, before) for done in range(before + 1)]
    for one in drives[before:]:
        count(one)
    assert not placing.waiting(row.digest).exists()
    now = places()
    models.Drive.objects.update(roads="")
    models.Damage.objects.update(road="?", chainage_m=-1.0, priority=0.0)
    placed_all()
    assert places() == now
    assert {where[1] for where in now.values()} >= set(TOWN.name)
    assert {where[3] for where in now.values() if where[1] == TOWN.name[1]} == {5_000.0}


def test_a_kind_of_road_and_its_vehicles_weigh(
    drives: list[MadeDrive], given: Path, count: Callable[[MadeDrive], None]
) -> None:
    count(drives[0])
    before = places()
    roads.give_roads(given)
    placed_all()
    weighs = {"": 0.3, "市道": 0.4, 5_000.0: 0.25}
    for first, (*_, kind, traffic, _, priority) in places().items():
        assert priority - before[first][-1] == pytest.approx(20 * (weighs[traffic or kind] - 0.3), abs=0.02)


def test_others_are_given(
    drives: list[MadeDrive],
    given: Path,
    count: Callable[[MadeDrive], None],
    tmp_path: Path,
    workspace: Workspace,
) -> None:
    """Roads with other names, then those of another city: what is told of a damage is of those in use alone."""
    for one in drives[:2]:
        count(one)
    roads.give_roads(given)
    placed_all()
    first = places()
    renamed = replace(TOWN, name=[f"新{name}" for name in TOWN.name])
    network = roads.workspace_network()
    roads.give_roads(ledger(tmp_path / "new.gpkg", renamed))
    assert roads.workspace_network() is not network
    count(drives[2])  # before the others are placed anew: these tell nothing yet
    row = roads.roads_in_use()
    assert row is not None
    assert {one.name for one in placing.waiting(row.digest)} == {"d0", "d1"}
    placed_all()
    assert {name for _, name, *_ in places().values()} <= {"", *renamed.name}
    assert len(places()) >= len(first)
    elsewhere = replace(TOWN, lines=np.array([type(one)(np.array(one.coords) + 1.0) for one in TOWN.lines]))
    roads.give_roads(ledger(tmp_path / "elsewhere.gpkg", elsewhere))
    placed_all()
    assert {where[:5] for where in places().values()} == {("", "", "", None, None)}
    assert len(list(workspace.roads.iterdir())) == 1, "those that are in use no more are cleared away"


def test_drives_are_counted_and_others_given_while_damages_are_placed(
    drives: list[MadeDrive], given: Path, count: Callable[[MadeDrive], None], tmp_path: Path
) -> None:
    for one in drives[:2]:
        count(one)
    roads.give_roads(given)
    renamed = ledger(tmp_path / "new.gpkg", replace(TOWN, name=[f"新{name}" for name in TOWN.name]))

    def meanwhile(done: int, _: int) -> None:
        if done == 1:
            count(drives[2])
            roads.give_roads(renamed)
            count(drives[3])

    with pytest.raises(RoadsError, match="meantime"):
        placing.place_all(meanwhile)
    told = placed_all()
    assert told[-1] == (3, 3), "d3 was counted on the newest roads already"
    assert {name[:1] for _, name, *_ in places().values()} <= {"", "新"}


def test_a_refused_file_changes_nothing(given: Path, tmp_path: Path, workspace: Workspace) -> None:
    row = roads.give_roads(given)
    assert roads.give_roads(given) == row, "the same again is no news"
    kept = {path.name: path.read_bytes() for path in workspace.roads.iterdir()}
    for bad in (tmp_path / "gone.shp", tmp_path / "text.geojson"):
        (tmp_path / "text.geojson").write_text("{}")
        with pytest.raises(RoadsError):
            roads.give_roads(bad)
    assert roads.roads_in_use() == row
    assert {path.name: path.read_bytes() for path in workspace.roads.iterdir()} == kept


def test_nothing_is_lost_where_the_disk_is_full(
    given: Path, tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = roads.give_roads(given)

    def full(path: Path, _: Roads) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(roads, "write_kept", full)
    with pytest.raises(OSError, match="No space"):
        roads.give_roads(ledger(tmp_path / "new.gpkg", replace(TOWN, name=["新"] * len(TOWN))))
    assert roads.roads_in_use() == row
    assert [path.name for path in workspace.roads.iterdir()] == [f"{row.digest}.npz"]


def test_what_is_kept_is_what_was_read(given: Path) -> None:
    wanted = read_roads(given)
    roads.give_roads(given)
    network = roads.workspace_network()
    assert network is not None
    assert roads.workspace_network() is network, "read once"
    for name in ("road_id", "name", "kind"):
        assert getattr(network.roads, name) == getattr(wanted, name)
    for name in ("width_m", "lanes", "oneway", "traffic", "level"):
        np.testing.assert_array_equal(getattr(network.roads, name), getattr(wanted, name))
    assert [one.wkb for one in network.roads.lines] == [one.wkb for one in wanted.lines]


@pytest.mark.parametrize("harm", ["gone", "cut", "other"])
def test_drives_are_counted_though_the_kept_roads_are_gone(
    harm: str, drives: list[MadeDrive], given: Path, count: Callable[[MadeDrive], None], workspace: Workspace
) -> None:
    count(drives[0])
    row = roads.give_roads(given)
    placed_all()
    before, path = places(), roads.kept_at(row.digest)
    content = path.read_bytes()
    roads._network.cache_clear()
    path.unlink()
    if harm != "gone":
        path.write_bytes(content[:2_000] if harm == "cut" else b"PK")
    count(drives[1])
    assert doctor._roads().word is Word.fault
    kept = places()
    assert {first: where[:5] for first, where in kept.items() if first in before} == {
        first: where[:5] for first, where in before.items() if first in kept
    }, "what was told stays"
    roads.give_roads(given)
    assert doctor._roads().word is Word.warning
    assert placed_all()[-1] == (1, 1)
    assert doctor._roads().word is Word.ok


def test_the_command(
    drives: list[MadeDrive], given: Path, count: Callable[[MadeDrive], None], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """What is in use, a file taken in, a refused one, and columns that are named."""
    monkeypatch.setattr("roaddamage.server.prepare", lambda folder: None)
    monkeypatch.setenv("LANGUAGE", "en")

    def run(*arguments: object) -> Any:
        return CliRunner().invoke(app, ["roads", *map(str, arguments)])

    assert "No roads are in use" in run().stdout
    count(drives[0])
    done = run(given)
    assert (done.exit_code, "道路台帳.gpkg" in done.stdout) == (0, True), done.output
    assert (
        f"{models.Damage.objects.exclude(road='').count()} of {models.Damage.objects.count()}" in done.stdout
    )
    (tmp_path / "text.geojson").write_text("{}")
    refused = run(tmp_path / "text.geojson")
    assert (refused.exit_code, "text.geojson" in refused.stderr, refused.stdout) == (2, True, "")
    assert run().stdout == done.stdout
    assert run(given, "--roads-columns", "name=昔の名").exit_code == 2
    twice = ledger(tmp_path / "twice.gpkg", TOWN, 昔の名=["通り"] * len(TOWN))
    assert run(twice, "--roads-columns", "name=昔の名,kind=路線名").exit_code == 0
    assert {row.road for row in models.Damage.objects.all() if row.chainage_m is not None} == {"通り"}
    models.Drive.objects.update(roads="")
    assert "not placed" in run().stderr
    assert models.AuditEntry.objects.filter(action="roads.given").count() == 2


def test_roads_are_taken_out_of_use(
    drives: list[MadeDrive], given: Path, count: Callable[[MadeDrive], None]
) -> None:
    """As if none had ever been given; what a person set stays."""
    count(drives[0])
    before = places()
    roads.give_roads(given)
    placed_all()
    assert places() != before
    kept = models.Damage.objects.filter(chainage_m__isnull=False).first()
    assert kept is not None
    models.Damage.objects.filter(pk=kept.pk).update(priority_set=12.5, priority=12.5)
    assert placing.remove_roads(lambda done, left: None) == given.name
    models.Damage.objects.filter(pk=kept.pk).update(priority_set=None)
    told = models.Damage.objects.get(pk=kept.pk)
    assert (told.priority, told.road, told.chainage_m) == (12.5, "", None)
    placing.work_out([told])
    told.save()
    assert places() == before
    assert not models.Sighting.objects.filter(road_line__isnull=False).exists()
    assert not models.Drive.objects.exclude(roads="").exists()
    assert roads.workspace_network() is None
    assert not [*roads.kept_at("x").parent.iterdir()]
    assert models.AuditEntry.objects.latest("pk").action == "roads.removed"
    with pytest.raises(RoadsError):
        placing.remove_roads(lambda done, left: None)
