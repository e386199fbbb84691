"""OGC API – Features, asked as the standard says, and read by a program that others wrote."""

from __future__ import annotations

import json
import subprocess
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from made_records import LAT, LON, STEP, made_damage, made_drive

from roaddamage.api.tokens import make_token
from roaddamage.records.decisions import Decision, decide
from roaddamage.records.models import Damage, Segment, SegmentTable
from roaddamage.segment_tables import depends_on, is_due, work_out
from roaddamage.workspace import Workspace

pytestmark = pytest.mark.django_db
People = dict[str, User]


@pytest.fixture
def damages(workspace: Workspace, people: People) -> list[Damage]:
    drive = made_drive(people["crew"])
    return [made_damage(drive, place) for place in range(5)]


@pytest.fixture
def segments(damages: list[Damage]) -> SegmentTable:
    return work_out()


@pytest.fixture
def gis(people: People) -> Client:
    return Client(headers={"Authorization": f"Bearer {make_token(people['ml'], 'GIS')[1]}"})


def test_all_links_lead_somewhere(segments: SegmentTable, gis: Client) -> None:
    asked, waiting = set(), ["/ogc/"]
    while waiting:
        address = waiting.pop()
        if address in asked:
            continue
        asked.add(address)
        answer = gis.get(address)
        assert answer.status_code == 200, address
        if answer.headers["Content-Type"].startswith("text/html"):
            continue
        told = answer.json()
        links = told.get("links", []) + [one for part in told.get("collections", []) for one in part["links"]]
        for link in links:
            assert gis.get(link["href"]).headers["Content-Type"].split(";")[0] == link["type"].split(";")[0]
            waiting.append(link["href"].removeprefix("http://testserver"))
    assert {"/ogc/conformance", "/ogc/collections/damages/items", "/ogc/api"} <= asked


def test_pages_follow_one_another(damages: list[Damage], gis: Client) -> None:
    found, address = [], "/ogc/collections/damages/items?limit=2"
    while address:
        told = gis.get(address).json()
        assert told["numberReturned"] == len(told["features"])
        found += [one["id"] for one in told["features"]]
        address = next((link["href"] for link in told["links"] if link["rel"] == "next"), "")
    assert found == [row.pk for row in damages]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (f"bbox={LON - 1},{LAT - 1},{LON + 1},{LAT + STEP * 1.5}", 2),
        (f"bbox={LON - 1},{LAT - 1},0,{LON + 1},{LAT + STEP * 1.5},9", 2),
        (f"bbox=179,{LAT - 1},{LON + 1},{LAT + 1}", 5),
        ("bbox=0,0,1,1", 0),
        ("datetime=2026-04-01T01:00:00Z", 5),
        ("datetime=2026-04-01T01:00:01Z/..", 0),
        ("datetime=../2026-04-02T00:00:00Z", 5),
        ("datetime=2026-01-01T00:00:00Z/2026-02-01T00:00:00%2B09:00", 0),
        ("f=json", 5),
    ],
)
def test_where_and_when(query: str, count: int, damages: list[Damage], gis: Client) -> None:
    told = gis.get(f"/ogc/collections/damages/items?{query}").json()
    assert (told["numberMatched"], len(told["features"])) == (count, count)


@pytest.mark.parametrize(
    "query",
    ["bbox=1,2,3", "bbox=a,b,c,d", "bbox=0,91,1,92", "bbox=0,5,1,4", "bbox=nan,0,1,1", "datetime=now", "datetime=../..",
     "datetime=2026-02-01T00:00:00Z/2026-01-01T00:00:00Z", "datetime=2026-13-01T00:00:00Z", "limit=0", "limit=-1", "limit=x",
     "limit=99999999999999999999999", "colour=red", "f=xml", "after=-1"],
)  # fmt: skip
def test_what_is_no_query_is_told(query: str, gis: Client) -> None:
    answer = gis.get(f"/ogc/collections/damages/items?{query}")
    assert (answer.status_code, bool(answer.json()["description"])) == (400, True)


@pytest.mark.parametrize("address", ["collections/roads", "collections/roads/items", "collections/damages/items/99999",
                                     "collections/damages/items/x", "collections/damages/items/99999999999999999999"])  # fmt: skip
def test_what_is_not_there(address: str, gis: Client) -> None:
    assert gis.get(f"/ogc/{address}").status_code == 404


def test_rejected_and_repaired_are_not_offered(damages: list[Damage], gis: Client) -> None:
    Damage.objects.filter(pk=damages[0].pk).update(state="repaired", shown=False)
    assert gis.get("/ogc/collections/damages/items").json()["numberMatched"] == 4
    assert gis.get(f"/ogc/collections/damages/items/{damages[0].pk}").status_code == 404


SEGMENTS = "/ogc/collections/segments_20m/items"


def test_segments_tell_their_condition(segments: SegmentTable, gis: Client) -> None:
    found, address = [], f"{SEGMENTS}?limit=7"
    while address:
        told = gis.get(address).json()
        found += told["features"]
        address = next((link["href"] for link in told["links"] if link["rel"] == "next"), "")
    assert [one["id"] for one in found] == list(range(1, Segment.objects.filter(metres=20).count() + 1))
    damaged = [one["properties"] for one in found if one["properties"]["damages"]]
    assert sum(one["D40"] for one in damaged) == 5
    for one in damaged:
        assert one["crack_ratio_low"] <= one["crack_ratio"] <= one["crack_ratio_high"]
        assert (one["seen_share"] > 0.5, one["last_surveyed"], one["hot_level"]) == (True, "2026-04-01", 0)
    one = found[0]
    assert gis.get(f"{SEGMENTS.removesuffix('/items')}/items/1").json()["geometry"] == one["geometry"]
    assert {"LineString"} == {row["geometry"]["type"] for row in found}


@pytest.mark.parametrize(
    ("query", "all_of_them"),
    [
        (f"bbox={LON - 1},{LAT - 1},{LON + 1},{LAT + 1}", True), ("bbox=0,0,1,1", False),
        ("datetime=2026-04-01T03:00:00Z", True), ("datetime=2026-04-02T00:00:00Z/..", False),
        ("datetime=../2026-03-31T00:00:00Z", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("metres", [20, 100])
def test_where_and_when_of_segments(
    metres: int, query: str, all_of_them: bool, segments: SegmentTable, gis: Client
) -> None:
    told = gis.get(f"/ogc/collections/segments_{metres}m/items?{query}").json()
    count = Segment.objects.filter(metres=metres).count()
    assert count > 2
    assert told["numberMatched"] == (count if all_of_them else 0)


def test_segments_are_worked_out_anew_when_they_may_be_others(damages: list[Damage], people: People) -> None:
    assert is_due()
    first = work_out()
    assert not is_due()
    long_ago = first.done - timedelta(days=1) if first.done else None
    SegmentTable.objects.update(done=long_ago)
    assert not is_due(), "nothing changed"
    decide(damages[0].pk, people["engineer"], Decision("reject", rejected_as="shadow"))
    assert is_due()
    assert depends_on() != first.key
    second = work_out()
    told = [row.told["damages"] for row in Segment.objects.filter(metres=100)]
    assert (sum(told), {row.table_id for row in Segment.objects.all()}) == (4, {second.pk})
    assert [row.pk for row in SegmentTable.objects.all()] == [second.pk]


def test_segments_that_nobody_worked_out_yet(damages: list[Damage], gis: Client) -> None:
    answer = gis.get(SEGMENTS)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert answer.json()["description"]
    assert gis.get("/ogc/collections").status_code == 200


def test_without_drives_there_are_no_segments(workspace: Workspace, gis: Client) -> None:
    work_out()
    assert gis.get(SEGMENTS).json()["numberMatched"] == 0


@pytest.mark.django_db(transaction=True)
def test_gdal_reads_it(
    damages: list[Damage], segments: SegmentTable, people: People, live_server: Any, tmp_path: Any
) -> None:
    secret = make_token(people["ml"], "QGIS")[1]

    def gdal(*arguments: str) -> str:
        done = subprocess.run(
            [arguments[0], "--config", "GDAL_HTTP_USERPWD", f"qgis:{secret}", *arguments[1:]],
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    source = f"OAPIF:{live_server.url}/ogc"
    assert {"damages", "drives"} <= {
        word.strip() for word in gdal("ogrinfo", source).replace(":", " ").split()
    }
    box = [str(LON - 1), str(LAT - 1), str(LON + 1), str(LAT + STEP * 2.5)]
    out = tmp_path / "read.geojson"
    gdal("ogr2ogr", "-oo", "PAGE_SIZE=2", "-spat", *box, str(out), source, "damages")
    read = json.loads(out.read_text())["features"]
    assert sorted(one["geometry"]["coordinates"][1] for one in read) == pytest.approx(
        sorted(row.lat for row in damages[:3]), abs=1e-7
    )
    assert {one["properties"]["class"] for one in read} == {"D40"}
    assert "LINESTRING" in gdal("ogrinfo", source, "drives").upper()
    out = tmp_path / "segments.geojson"
    gdal("ogr2ogr", "-oo", "PAGE_SIZE=4", str(out), source, "segments_20m")
    read = json.loads(out.read_text())["features"]
    assert len(read) == Segment.objects.filter(metres=20).count() > 8
    assert sum(one["properties"]["damages"] for one in read) == 5
