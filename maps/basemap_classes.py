"""What a thing in a base map's source is drawn as: layer, kind, and the zoom from which it shows.

Layers and kinds are a small part of the Protomaps basemap's schema (`roads`, `buildings`, `water`,
`landuse`, `boundaries`, `places`, `pois`; properties `kind`, `kind_detail`, `name`), so that extracts of
that are drawn too. Of our own are the kinds `edge`, `component` and `area` of roads and `bank`,
`coastline` and `structure` of water, for the lines that 基盤地図情報 gives in their place.

Zooms are those of the tiles; the page shows a tile of zoom z at z + 1, and the deepest from there on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

MIN_ZOOM, MAX_ZOOM = 4, 15
LAYERS = ("roads", "buildings", "water", "landuse", "boundaries", "places", "pois")
LEAST_PX2 = 40.0
"""An area shows from the zoom at which it covers so much of the screen, in square pixels."""
EQUATOR_M_PER_PX = 40_075_017 / 512
"""Metres a pixel at tile zoom 0 on the equator, where a tile of zoom z is 512 px wide."""

Tags = Mapping[str, str]


class Drawn(NamedTuple):
    """How a thing is drawn: layer, first tile zoom, kind, and of what kind in detail."""

    layer: str
    zoom: int
    kind: str
    detail: str = ""
    name: str = ""
    label_zoom: int = -1
    """First tile zoom of a label of its own inside an area; -1: none."""
    tunnel: bool = False


ROADS = {
    "motorway": ("highway", 5), "motorway_link": ("highway", 11),
    "trunk": ("major_road", 6), "trunk_link": ("major_road", 11),
    "primary": ("major_road", 8), "primary_link": ("major_road", 12),
    "secondary": ("major_road", 9), "secondary_link": ("major_road", 12),
    "tertiary": ("major_road", 10), "tertiary_link": ("major_road", 12),
    "residential": ("minor_road", 12), "unclassified": ("minor_road", 12),
    "living_street": ("minor_road", 12), "road": ("minor_road", 12), "busway": ("minor_road", 13),
    "service": ("minor_road", 13), "pedestrian": ("path", 13), "track": ("path", 13),
    "footway": ("path", 14), "path": ("path", 14), "steps": ("path", 14), "cycleway": ("path", 14),
    "bridleway": ("path", 14),
}  # fmt: skip
"""OpenStreetMap's highway → kind and zoom."""
RAILWAYS = {
    "rail": 8, "narrow_gauge": 9, "light_rail": 10, "monorail": 11, "subway": 11, "tram": 12,
    "funicular": 12,
}  # fmt: skip
WATERWAYS = {"river": 8, "canal": 10, "stream": 12, "drain": 14, "ditch": 14}
GREEN = {
    "park": "park", "garden": "park", "recreation_ground": "park", "village_green": "park",
    "playground": "park", "golf_course": "grass", "pitch": "pitch", "forest": "forest", "wood": "forest",
    "scrub": "forest", "grass": "grass", "meadow": "grass", "grassland": "grass", "heath": "grass",
    "wetland": "grass", "orchard": "farmland", "farmland": "farmland", "allotments": "farmland",
    "cemetery": "cemetery", "beach": "beach", "sand": "beach",
}  # fmt: skip
"""leisure, landuse and natural → kind of landuse."""
WATER = frozenset(("water", "riverbank", "reservoir", "basin", "dock", "swimming_pool"))
PLACES = {
    "city": ("locality", 5), "town": ("locality", 8), "borough": ("macrohood", 9), "village": ("locality", 9),
    "suburb": ("macrohood", 10), "quarter": ("neighbourhood", 12), "neighbourhood": ("neighbourhood", 12),
    "hamlet": ("locality", 12), "island": ("locality", 11), "locality": ("neighbourhood", 14),
}  # fmt: skip
STATIONS = {"station": 12, "halt": 12}
POIS = {
    "townhall": 13, "hospital": 14, "university": 13, "aerodrome": 11, "college": 14, "school": 14,
    "police": 14, "fire_station": 14, "library": 14, "museum": 14, "theatre": 15, "attraction": 15,
    "castle": 13, "shrine": 14, "place_of_worship": 15, "post_office": 15, "marketplace": 14,
    "bus_station": 14, "peak": 12,
}  # fmt: skip
BOUNDARIES = {"2": ("country", 4), "4": ("region", 4), "5": ("county", 8), "6": ("county", 8),
              "7": ("locality", 8), "8": ("locality", 9), "9": ("neighbourhood", 13)}  # fmt: skip

FGD: dict[str, Drawn] = {
    "RdEdg": Drawn("roads", 12, "edge"), "RdCompt": Drawn("roads", 15, "component"),
    "RdArea": Drawn("roads", 14, "area"), "RailCL": Drawn("roads", 8, "rail", "rail"),
    "BldA": Drawn("buildings", 15, "building"), "BldL": Drawn("buildings", 15, "building"),
    "WA": Drawn("water", 0, "water"), "WL": Drawn("water", 12, "bank"),
    "WStrL": Drawn("water", 15, "structure"), "WStrA": Drawn("landuse", 13, "pier"),
    "Cstline": Drawn("water", 6, "coastline"),
    "AdmArea": Drawn("boundaries", 8, "locality"), "AdmBdry": Drawn("boundaries", 8, "locality"),
    "CommBdry": Drawn("boundaries", 13, "neighbourhood"),
    "AdmPt": Drawn("places", 8, "locality", "town"), "CommPt": Drawn("places", 12, "neighbourhood"),
    "Anno": Drawn("places", 13, "neighbourhood"),
}  # fmt: skip
"""Feature classes of 基盤地図情報 基本項目 (file specification 4.1) that are drawn; the others are not."""
FGD_NARROW = ("庭園路", "徒歩道", "石段", "分離帯", "トンネル")
"""Types of road edge that show two zooms later, and are thinner."""

PLAIN: dict[str, Drawn] = {
    "roads": Drawn("roads", 12, "minor_road", "road"), "rail": Drawn("roads", 8, "rail", "rail"),
    "buildings": Drawn("buildings", 15, "building"), "water": Drawn("water", 8, "water"),
    "green": Drawn("landuse", 0, "park"), "boundaries": Drawn("boundaries", 8, "locality"),
    "places": Drawn("places", 12, "neighbourhood"),
}  # fmt: skip
"""What the layer of a file can be said to be, on the command line: `roads=ledger.shp`."""
WORDS = {
    "rail": ("rail", "鉄道", "軌道", "n02-"),
    "roads": ("road", "street", "highway", "道路", "路線", "街路", "市道", "町道", "村道", "県道", "n01-"),
    "buildings": ("building", "bldg", "建物", "建築物", "家屋"),
    "water": ("water", "river", "lake", "coast", "水域", "水部", "河川", "湖", "池", "水涯線", "w05-"),
    "green": ("landuse", "park", "forest", "green", "公園", "緑地", "森林"),
    "boundaries": ("boundar", "admin", "行政", "町丁", "字界", "境界", "n03-"),
    "places": ("place", "地名", "注記", "町名"),
}
"""Words in a layer's or a file's name that tell what it holds."""
JAPANESE_ROADS = (
    (("高速", "自動車道"), "motorway"), (("国道",), "trunk"), (("都道", "府道", "県道", "道道"), "secondary"),
    (("市道", "区道", "町道", "村道"), "residential"), (("農道", "林道", "里道", "赤道"), "track"),
)  # fmt: skip
NAMES = ("name:ja", "name_ja", "knj", "名称", "路線名", "路線名称", "name", "町名", "n02_003", "n03_004")
CLASSES = (
    "highway",
    "fclass",
    "railway",
    "waterway",
    "class",
    "kind",
    "type",
    "種別",
    "道路種別",
    "路線種別",
)


def name_of(tags: Tags) -> str:
    """The name as people there write it: Japanese first."""
    return next((tags[key].strip() for key in NAMES if tags.get(key, "").strip()), "")


def area_zoom(area_m2: float, lat: float) -> int:
    """First tile zoom at which an area covers enough of the screen to be seen."""
    side_px = math.sqrt(max(area_m2, 1e-6)) / (EQUATOR_M_PER_PX * math.cos(math.radians(lat)))
    return max(MIN_ZOOM, min(MAX_ZOOM, math.ceil(math.log2(math.sqrt(LEAST_PX2) / side_px))))


def osm_point(tags: Tags) -> Drawn | None:
    """A place, a station, or something that people find their way by; nothing without a name."""
    name = name_of(tags)
    if not name:
        return None
    if place := PLACES.get(tags.get("place", "")):
        return Drawn("places", place[1], place[0], tags["place"], name)
    if zoom := STATIONS.get(tags.get("railway", "")):
        return Drawn("pois", zoom, "station", tags["railway"], name)
    for key in ("amenity", "aeroway", "historic", "tourism", "natural"):
        if zoom := POIS.get(tags.get(key, "")):
            return Drawn("pois", zoom, tags[key], "", name)
    return None


def osm_line(tags: Tags) -> Drawn | None:
    """A road, a railway, a river or a boundary."""
    name = name_of(tags)
    detail = tags.get("highway", "")
    hidden = tags.get("tunnel", "no") != "no"
    if (road := ROADS.get(detail)) and tags.get("area") != "yes":
        return Drawn("roads", road[1], road[0], detail, name or tags.get("ref", ""), tunnel=hidden)
    if zoom := RAILWAYS.get(tags.get("railway", "")):
        zoom = 14 if "service" in tags else zoom
        return None if hidden else Drawn("roads", zoom, "rail", tags["railway"], name)
    if zoom := WATERWAYS.get(tags.get("waterway", "")):
        return None if hidden else Drawn("water", zoom, tags["waterway"], "", name)
    if tags.get("natural") == "coastline":
        return Drawn("water", 6, "coastline")
    return _boundary(tags)


def osm_area(tags: Tags, area_m2: float, lat: float) -> Drawn | None:
    """Water, green, a building, or a boundary; named ones get a label at the size they have."""
    zoom, name = area_zoom(area_m2, lat), name_of(tags)
    label = min(MAX_ZOOM, max(zoom + 2, 11)) if name else -1
    values = [tags[key] for key in ("natural", "leisure", "landuse", "waterway") if key in tags]
    if WATER.intersection(values):
        return Drawn("water", zoom, "water", "", name, label)
    if "building" in tags and tags["building"] != "no":
        return _building(tags, area_m2, name)
    if green := next((GREEN[value] for value in values if value in GREEN), ""):
        return Drawn("landuse", zoom, green, "", name, label if green in ("park", "cemetery") else -1)
    if tags.get("man_made") in ("pier", "breakwater", "groyne"):
        return Drawn("landuse", max(12, zoom), "pier")
    return _boundary(tags) or _ground(tags, name)


def _building(tags: Tags, area_m2: float, name: str) -> Drawn:
    point = osm_point(tags)
    label = point.zoom if point else -1
    return Drawn(
        "buildings", 14 if area_m2 > 1500 else 15, "building", point.kind if point else "", name, label
    )


def _ground(tags: Tags, name: str) -> Drawn | None:
    """Grounds that are not drawn but named: a school, a hospital."""
    point = osm_point(tags)
    return point._replace(label_zoom=point.zoom) if point and name else None


def _boundary(tags: Tags) -> Drawn | None:
    if tags.get("boundary") != "administrative":
        return None
    kind = BOUNDARIES.get(tags.get("admin_level", ""))
    return Drawn("boundaries", kind[1], kind[0]) if kind else None


def fgd(feature_class: str, tags: Tags, area_m2: float, lat: float) -> Drawn | None:
    """A feature of 基盤地図情報 by its class; those marked 非表示 are not drawn."""
    drawn = FGD.get(feature_class)
    if drawn is None or tags.get("vis") == "非表示":
        return None
    name, kind = name_of(tags), tags.get("type", "")
    if feature_class == "RdEdg" and kind.startswith(FGD_NARROW):
        return drawn._replace(zoom=14, detail="narrow", name=name)
    if feature_class == "RailCL" and "トンネル" in kind:
        return None
    if feature_class == "AdmPt":
        return drawn._replace(detail="city" if name.endswith("市") else "town", name=name) if name else None
    if drawn.layer == "places" and not name:
        return None
    if feature_class == "WA":
        return drawn._replace(zoom=area_zoom(area_m2, lat), name=name)
    return drawn._replace(name=name)


def plain(what: str, tags: Tags, area_m2: float, lat: float) -> Drawn | None:
    """A feature of a layer that is known to hold roads, water and so on."""
    drawn, name = PLAIN[what], name_of(tags)
    values = [tags[key] for key in CLASSES if tags.get(key)]
    if what == "roads":
        detail = next((value for value in values if value in ROADS), "") or japanese_road(*values, name)
        kind, zoom = ROADS.get(detail, (drawn.kind, drawn.zoom))
        return Drawn("roads", zoom, kind, detail or drawn.detail, name)
    if what == "places":
        place = next((value for value in values if value in PLACES), "")
        kind, zoom = PLACES.get(place, (drawn.kind, drawn.zoom))
        return Drawn("places", zoom, kind, place, name) if name else None
    if what == "water" and not area_m2:
        river = next((value for value in values if value in WATERWAYS), "river")
        return Drawn("water", WATERWAYS[river] + 2, river, "", name)
    if what in ("water", "green"):
        green = next((GREEN[value] for value in values if value in GREEN), drawn.kind)
        return drawn._replace(zoom=area_zoom(area_m2, lat), name=name, kind=green)
    return drawn._replace(name=name)


def japanese_road(*texts: str) -> str:
    """The highway class that words such as 国道 or 市道 in these texts tell; "" where none does."""
    for words, detail in JAPANESE_ROADS:
        if any(word in text for text in texts for word in words):
            return detail
    return ""


def told_by_name(name: str) -> str:
    """What a layer or file holds, as its name tells: a key of PLAIN or FGD, or ""."""
    for feature_class in FGD:
        if name == feature_class or f"-{feature_class}-" in f"-{name}-":
            return feature_class
    lowered = name.lower()
    return next((what for what, words in WORDS.items() if any(word in lowered for word in words)), "")
