"""`/ogc/`: OGC API – Features, Part 1: Core (OGC 17-069r4), so that GIS programs read the records live.

Conforms to the classes Core and GeoJSON. Pages follow one another by number, so that rows that are added or taken away
meanwhile make none appear twice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from ninja import NinjaAPI, Schema
from ninja.security import SessionAuth

from detector.errors import N_, RoadDamageError
from maps.question import Bounds, bounds
from roaddamage import __version__
from roaddamage.api.api import Basic, Bearer
from roaddamage.api.collections import COLLECTIONS, Collection, Moments, NotYetError
from roaddamage.api.pages import BIGGEST
from roaddamage.api.schemas import Problem
from roaddamage.records.audit import noted
from roaddamage.web.access import who
from roaddamage.web.templating import say

CONFORMS = [f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{name}" for name in ("core", "geojson")]
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
GEOJSON = "application/geo+json"
USUAL, MOST = 1000, 10_000
"""Features on a page."""

OPENAPI = "application/vnd.oai.openapi+json;version=3.1"


def _described(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A description names its own kind, by which clients of the standard look for it."""

    def told(request: HttpRequest, **values: Any) -> HttpResponse:
        answer = view(request, **values)
        if answer.headers["Content-Type"].startswith("application/json"):
            answer.headers["Content-Type"] = OPENAPI
        return answer

    return told


class Refused(Schema):
    """Why a query was not answered."""

    code: str
    description: str


REFUSALS: dict[int, Any] = {400: Refused, 404: Problem, 503: Refused}
ANSWERS = {200: dict[str, Any], **REFUSALS}
FEATURES = {
    "responses": {200: {"description": "GeoJSON", "content": {GEOJSON: {"schema": {"type": "object"}}}}}
}
ogc = NinjaAPI(
    title="roaddamage: OGC API – Features", version=__version__, urls_namespace="ogc", openapi_url="/api",
    docs_url="/docs", docs_decorator=_described, auth=[Bearer(), Basic(), SessionAuth()],
)  # fmt: skip


class QueryError(RoadDamageError):
    """A query that can't be answered."""


@ogc.get("/", url_name="landing", response=ANSWERS)
def landing(request: HttpRequest) -> dict[str, Any]:
    """Where to begin."""
    _only(request)
    return {
        "title": say(N_("Road damage")),
        "description": say(N_("Road damage found in dashcam video, and what people decided on it.")),
        "links": [
            _link(request, "landing", "self"),
            _link(request, "openapi-json", "service-desc", kind=OPENAPI),
            _link(request, "openapi-view", "service-doc", kind="text/html"),
            _link(request, "conformance", "conformance"),
            _link(request, "collections", "data"),
        ],
    }


@ogc.get("/conformance", url_name="conformance", response=ANSWERS)
def conformance(request: HttpRequest) -> dict[str, Any]:
    """Which classes of the standard it conforms to."""
    _only(request)
    return {"conformsTo": CONFORMS}


@ogc.get("/collections", url_name="collections", response=ANSWERS)
def collections(request: HttpRequest) -> dict[str, Any]:
    """What there is."""
    _only(request)
    return {
        "links": [_link(request, "collections", "self")],
        "collections": [_told(request, one) for one in COLLECTIONS.values()],
    }


@ogc.get("/collections/{collection}", url_name="collection", response=ANSWERS)
def collection(request: HttpRequest, collection: str) -> dict[str, Any]:
    """One collection."""
    _only(request)
    return _told(request, _found(collection))


@ogc.get("/collections/{collection}/items", url_name="items", response=REFUSALS, openapi_extra=FEATURES)
def items(
    request: HttpRequest,
    collection: str,
    limit: str = "",
    bbox: str = "",
    datetime: str = "",
    after: str = "",
) -> HttpResponse:
    """Its features: `bbox` west,south,east,north; `datetime` a moment, or two with a slash, `..` for an open end."""
    _only(request, "limit", "bbox", "datetime", "after")
    one = _found(collection)
    most = min(_whole("limit", limit or str(USUAL), 1), MOST)
    begin = _whole("after", after or "0", 0)
    key = one.key
    chosen = one.chosen(_bounds(bbox) if bbox else None, _moments(datetime) if datetime else None)
    rows = list(chosen.filter(**{f"{key}__gt": begin}).order_by(key)[: most + 1])
    if not begin:
        noted(who(request), "damages.read", f"ogc {one.name}")
    links = [_link(request, "items", "self", collection, kind=GEOJSON, query=request.GET.dict())]
    if len(rows) > most:
        following = request.GET.dict() | {"after": str(getattr(rows[most - 1], key))}
        links.append(_link(request, "items", "next", collection, kind=GEOJSON, query=following))
    answer = {
        "type": "FeatureCollection",
        "features": [_feature(one, row) for row in rows[:most]],
        "links": links,
        "timeStamp": timezone.now().isoformat(),
        "numberReturned": min(len(rows), most),
    }
    if not begin:  # counted once, not on each page
        answer["numberMatched"] = len(rows) if len(rows) <= most else chosen.count()
    return JsonResponse(answer, content_type=GEOJSON)


@ogc.get(
    "/collections/{collection}/items/{number}", url_name="item", response=REFUSALS, openapi_extra=FEATURES
)
def item(request: HttpRequest, collection: str, number: str) -> HttpResponse:
    """One feature."""
    _only(request)
    one = _found(collection)
    known = number.isdecimal() and len(number) < 19
    row = one.rows().filter(**{one.key: int(number)}).first() if known else None
    if row is None:
        raise Http404
    links = [
        _link(request, "item", "self", collection, number, kind=GEOJSON),
        _link(request, "collection", "collection", collection),
    ]
    return JsonResponse(_feature(one, row) | {"links": links}, content_type=GEOJSON)


@ogc.exception_handler(RoadDamageError)
def _refused(request: HttpRequest, error: RoadDamageError) -> HttpResponse:
    return JsonResponse({"code": "InvalidParameterValue", "description": error.message(say)}, status=400)


@ogc.exception_handler(NotYetError)
def _not_yet(request: HttpRequest, error: NotYetError) -> HttpResponse:
    told = {"code": "NotYet", "description": error.message(say)}
    return JsonResponse(told, status=503, headers={"Retry-After": "60"})


def _found(name: str) -> Collection:
    if name not in COLLECTIONS:
        raise Http404
    return COLLECTIONS[name]


def _told(request: HttpRequest, one: Collection) -> dict[str, Any]:
    return {
        "id": one.name, "title": say(one.title), "description": say(one.about), "itemType": "feature", "crs": [CRS84],
        "extent": one.extent(),
        "links": [
            _link(request, "collection", "self", one.name),
            _link(request, "items", "items", one.name, kind=GEOJSON),
        ],
    }  # fmt: skip


def _feature(one: Collection, row: Any) -> dict[str, Any]:
    return {
        "type": "Feature", "id": getattr(row, one.key), "geometry": one.geometry(row), "properties": one.properties(row),
    }  # fmt: skip


def _link(
    request: HttpRequest, name: str, rel: str, *args: str, kind: str = "application/json",
    query: dict[str, str] | None = None,
) -> dict[str, str]:  # fmt: skip
    address = request.build_absolute_uri(reverse(f"ogc:{name}", args=args))
    return {"href": f"{address}?{urlencode(query)}" if query else address, "rel": rel, "type": kind}


def _only(request: HttpRequest, *known: str) -> None:
    """Raises QueryError for what the query of an address does not know, as the standard asks."""
    unknown = sorted(request.GET.keys() - {*known, "f"})
    if unknown or request.GET.get("f", "json") not in ("json", "geojson"):
        raise QueryError(
            N_("The address asks for what is not known here: {names}. Known are: {known}."),
            names=", ".join(unknown or ["f"])[:100], known=", ".join((*known, "f=json")),
        )  # fmt: skip


def _whole(name: str, text: str, least: int) -> int:
    if not (text.isdecimal() and text.isascii()) or not least <= int(text[:30]) <= BIGGEST:
        raise QueryError(N_("{name} is a whole number from {least} up."), name=name, least=least)
    return int(text)


def _bounds(text: str) -> Bounds:
    """Of four numbers, or of six, of which the heights do not count here. Raises QueryError."""
    parts = text.split(",")
    try:
        box = bounds(",".join(parts if len(parts) == 4 else [*parts[:2], *parts[3:5]]))
        if len(parts) not in (4, 6) or max(map(abs, box[::2])) > 180 or max(map(abs, box[1::2])) > 90:
            raise ValueError(text)
    except ValueError as error:
        raise QueryError(N_("bbox is west,south,east,north in degrees (WGS 84).")) from error
    return box


def _moments(text: str) -> Moments:
    """Of a moment, or of two. Raises QueryError."""
    parts = text.split("/")
    told = [None if part in ("", "..") else _moment(part) for part in parts]
    begin, end = told[0], told[-1]
    if len(parts) > 2 or (begin is None and end is None) or (begin and end and begin > end):
        raise QueryError(TIME)
    return begin, end


TIME = N_("datetime is a time such as 2026-04-01T00:00:00Z, or two with a slash between them (.. for open).")


def _moment(text: str) -> datetime:
    try:
        moment = parse_datetime(text) if "T" in text.upper() else parse_datetime(f"{text}T00:00:00Z")
    except ValueError:
        moment = None
    if moment is None:
        raise QueryError(TIME)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
