"""`/api/`: damages, drives and work lists for other systems, and decisions from them."""

# Without deferred annotations: ninja reads those of a paged view outside of this module.

from datetime import date
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from ninja import Field, NinjaAPI, Query, Schema, Status
from ninja.pagination import paginate
from ninja.security import HttpBasicAuth, HttpBearer, SessionAuth

from detector.classes import CODES
from detector.errors import N_, RoadDamageError
from roaddamage import __version__
from roaddamage.api import learning, schemas
from roaddamage.api.pages import BIGGEST, ByNumber, known
from roaddamage.records import decisions
from roaddamage.records.audit import noted
from roaddamage.records.decisions import Decision, DecisionError
from roaddamage.records.facts import damage_of
from roaddamage.records.models import Damage, Drive, Sighting, WorkList
from roaddamage.records.selection import SelectionError, read
from roaddamage.web import evidence
from roaddamage.web.access import groups_of, who
from roaddamage.web.templating import say

ABOUT = (
    "Other systems read what the records hold, and may decide as a person does. Every request carries a token"
    " (`Authorization: Bearer …`), which each user makes on the page *Tokens*, and may do what that user may."
)


class Bearer(HttpBearer):
    """A token as bearer; `roaddamage.api.tokens` has looked at it already."""

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        """The token's user."""
        return _let_in(request)


class Basic(HttpBasicAuth):
    """A token as password, for programs that know no other way; the name does not matter."""

    def authenticate(self, request: HttpRequest, username: str, password: str) -> User | None:
        """The token's user."""
        return _let_in(request)


def _let_in(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


api = NinjaAPI(
    title="roaddamage", version=__version__, description=ABOUT, urls_namespace="api",
    auth=[Bearer(), Basic(), SessionAuth()],
)  # fmt: skip


NUMBER = r"-?[0-9]{1,3}(\.[0-9]{1,12})?"


def _listed(part: str, least: int = 1, most: int = 20) -> str:
    """The pattern of parts with commas between them."""
    return f"^{part}(,{part}){{{least - 1},{most - 1}}}$"


class Wanted(Schema):
    """Which damages: the filter of the map and the list."""

    bbox: str | None = Field(
        None, description="west,south,east,north in degrees", pattern=_listed(NUMBER, 4, 4)
    )
    classes: str | None = Field(
        None,
        alias="class",
        description="0 to 3 (D00, D10, D20, D40), comma-separated",
        pattern=_listed("[0-3]"),
    )
    severity: str | None = Field(
        None, description="0 to 2 (small, medium, large), comma-separated", pattern=_listed("[0-2]")
    )
    people: str | None = Field(
        None, description="States, comma-separated; without it the open ones",
        pattern=_listed(f"({'|'.join(Damage.State.values)})"),
    )  # fmt: skip
    state: str | None = Field(
        None, description="States by passes, 0 to 2, comma-separated", pattern=_listed("[0-2]")
    )
    confidence: float | None = Field(None, description="The least", ge=0, le=1)
    priority: float | None = Field(None, description="The least points of 100", ge=0, le=100)
    since: date | None = Field(None, alias="from", description="Seen on this day or later")
    until: date | None = Field(None, alias="to", description="Seen on this day or earlier")
    drive: int | None = Field(None, description="A drive's number", ge=0, le=BIGGEST)
    assignee: str | None = Field(
        None, description="A user's number, or nobody", pattern=r"^(nobody|[0-9]{1,18})$"
    )


@api.get("/me", response=schemas.Me, tags=["who"])
def me(request: HttpRequest) -> dict[str, Any]:
    """Whose token this is."""
    user = who(request)
    return {"user": user.username, "groups": sorted(groups_of(user))}


@api.get(
    "/damages",
    response={200: list[schemas.Damage], 400: schemas.Problem},
    tags=["damages"],
    url_name="damages",
    by_alias=True,
)
@paginate(ByNumber, row_of=damage_of)
def damages(request: HttpRequest, wanted: Query[Wanted]) -> QuerySet[Damage]:
    """Damages, by number."""
    told = wanted.dict(by_alias=True, exclude_none=True)
    noted(who(request), "damages.read", "api", **{name: str(value) for name, value in told.items()})
    return read({name: [str(value)] for name, value in told.items()}).rows().select_related("assignee")


@api.get(
    "/damages/{int:number}", response={200: schemas.DamageWhole, 404: schemas.Problem}, tags=["damages"],
    url_name="damage", by_alias=True,
)  # fmt: skip
def damage(request: HttpRequest, number: int) -> dict[str, Any]:
    """A damage with its sightings, the drives that missed it, and its history."""
    row = get_object_or_404(Damage.objects.select_related("assignee"), pk=known(number))
    noted(who(request), "damage.seen", str(number))
    seen = row.sightings.select_related("drive").order_by("utc_s", "pk")
    missed = row.passages.filter(seen=False).select_related("drive").order_by("utc_s", "pk")
    return damage_of(row) | {
        "seen": [schemas.Seen.of(one, _pictures(one)) for one in seen],
        "missed": [schemas.Missed.of(one) for one in missed],
        "history": [schemas.Decided.of(one) for one in row.reviews.select_related("by")],
    }


@api.post(
    "/damages/{int:number}/decisions",
    response={201: schemas.Decided, 404: schemas.Problem, 409: schemas.Problem, 422: schemas.Problem},
    tags=["damages"], url_name="decide",
)  # fmt: skip
def decide(request: HttpRequest, number: int, made: schemas.DecisionIn) -> Status[Any]:
    """Decide on a damage, as the token's user."""
    get_object_or_404(Damage, pk=known(number))
    assignee = None
    if made.assignee is not None:
        user = User.objects.filter(username=made.assignee, is_active=True).first()
        if user is None:
            raise DecisionError(N_("There is no user {name}."), name=made.assignee)
        assignee = user.pk
    decision = Decision(
        made.kind, rejected_as=made.rejected_as, class_id=_class(made.damage_class), box=made.box,
        assignee=assignee, due=made.due, priority=made.priority, comment=made.comment.strip(),
    )  # fmt: skip
    return Status(201, schemas.Decided.of(decisions.decide(number, who(request), decision, made.version)))


@api.get("/drives", response=list[schemas.DriveOut], tags=["drives"], url_name="drives")
@paginate(ByNumber, row_of=schemas.DriveOut.of)
def drives(request: HttpRequest) -> QuerySet[Drive]:
    """Drives, by number."""
    return Drive.objects.select_related("vehicle")


@api.get(
    "/drives/{int:number}",
    response={200: schemas.DriveOut, 404: schemas.Problem},
    tags=["drives"],
    url_name="drive",
)
def drive(request: HttpRequest, number: int) -> dict[str, Any]:
    """A drive."""
    return schemas.DriveOut.of(get_object_or_404(Drive.objects.select_related("vehicle"), pk=known(number)))


@api.get("/work-lists", response=list[schemas.WorkListOut], tags=["work lists"], url_name="work_lists")
@paginate(ByNumber, row_of=schemas.WorkListOut.of)
def work_lists(request: HttpRequest) -> QuerySet[WorkList]:
    """Work lists with their stops, by number."""
    return WorkList.objects.prefetch_related("stops__damage")


@api.get(
    "/work-lists/{int:number}", response={200: schemas.WorkListOut, 404: schemas.Problem}, tags=["work lists"],
    url_name="work_list",
)  # fmt: skip
def work_list(request: HttpRequest, number: int) -> dict[str, Any]:
    """A work list."""
    return schemas.WorkListOut.of(
        get_object_or_404(WorkList.objects.prefetch_related("stops__damage"), pk=known(number))
    )


@api.get(
    "/pictures/{int:sighting}/{kind}", tags=["damages"], url_name="picture",
    response={404: schemas.Problem},
    openapi_extra={"responses": {200: {"description": "OK", "content": {"image/jpeg": {}}}}},
)  # fmt: skip
def picture(request: HttpRequest, sighting: int, kind: str) -> HttpResponse:
    """A sighting's picture: `picture` with its box drawn, `crop`, or `frame` without a box."""
    return evidence.evidence(request, known(sighting), kind)


api.add_router("", learning.router)


@api.exception_handler(RoadDamageError)
def _refused(request: HttpRequest, error: RoadDamageError) -> HttpResponse:
    status = 409 if isinstance(error, DecisionError) else 400 if isinstance(error, SelectionError) else 422
    return api.create_response(request, {"detail": error.message(say)}, status=status)


def _class(code: str | None) -> int | None:
    if code is None:
        return None
    if code not in CODES:
        raise DecisionError(N_("There is no damage class {code}."), code=code)
    return CODES.index(code)


def _pictures(row: Sighting) -> list[str]:
    return [kind for kind in evidence.KINDS if evidence.picture_of(row, kind)]
