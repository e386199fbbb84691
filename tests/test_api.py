"""The API: what other systems read, and may change; tokens; and attacks made up from its own description."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from made_records import made_damage, made_drive
from schemathesis.specs.openapi.checks import positive_data_acceptance

from roaddamage.api.tokens import TokenError, make_token
from roaddamage.problems import problem
from roaddamage.records.decisions import Decision, decide
from roaddamage.records.models import AuditEntry, Damage, Drive, Rerun, Review, Token, Training, WorkList
from roaddamage.workspace import Workspace

pytestmark = pytest.mark.django_db
People = dict[str, User]


@pytest.fixture
def damages(workspace: Workspace, people: People) -> list[Damage]:
    drive = made_drive(people["crew"])
    return [made_damage(drive, place, pictures=place == 0, class_id=3 * (place % 2)) for place in range(5)]


def client_of(user: User, *, writes: bool = False) -> Client:
    return Client(headers={"Authorization": f"Bearer {make_token(user, 'test', writes=writes)[1]}"})


def test_pages_follow_one_another(damages: list[Damage], people: People) -> None:
    client, found, after = client_of(people["ml"]), [], 0
    while after is not None:
        page = client.get("/api/damages", {"limit": 2, "after": after}).json()
        found += [row["number"] for row in page["results"]]
        after = page["next"]
    assert found == [row.pk for row in damages]


@pytest.mark.parametrize(
    ("query", "count"),
    [({"class": "3"}, 2), ({"class": "0,3"}, 5), ({"bbox": "139.7,35.6,139.8,35.6501"}, 1),
     ({"people": "confirmed"}, 0), ({"from": "2026-04-02"}, 0), ({"confidence": "0.5"}, 5)],
)  # fmt: skip
def test_the_filter_is_the_lists(
    query: dict[str, str], count: int, damages: list[Damage], people: People
) -> None:
    client = client_of(people["ml"])
    assert len(client.get("/api/damages", query).json()["results"]) == count


def test_a_filter_that_is_none_is_told(damages: list[Damage], people: People) -> None:
    client = client_of(people["ml"])
    for query, status in (({"bbox": "1,9,2,3"}, 400), ({"bbox": "here"}, 422), ({"from": "yesterday"}, 422)):
        answer = client.get("/api/damages", query)
        assert (answer.status_code, "detail" in answer.json()) == (status, True)


def test_a_damage_with_its_history(damages: list[Damage], people: People) -> None:
    client, number = client_of(people["engineer"], writes=True), damages[0].pk
    told = client.get(f"/api/damages/{number}").json()
    sent = {"kind": "confirm", "version": told["version"], "comment": "seen on site"}
    made = client.post(f"/api/damages/{number}/decisions", sent, content_type="application/json")
    assert made.status_code == 201
    again = client.post(f"/api/damages/{number}/decisions", sent, content_type="application/json")
    assert again.status_code == 409, "decided since"
    told = client.get(f"/api/damages/{number}").json()
    assert (told["state"], [one["comment"] for one in told["history"]]) == ("confirmed", ["seen on site"])
    assert (told["class"], told["seen"][0]["class"]) == ("D00", "D40"), (
        "called as in webhooks and the OGC API"
    )
    [seen] = told["seen"]
    assert seen["pictures"] == ["picture", "crop", "frame"]
    picture = client.get(f"/api/pictures/{seen['number']}/crop")
    assert picture.content[:3] == b"\xff\xd8\xff"
    assert AuditEntry.objects.filter(action="damage.seen", by=people["engineer"]).count() == 1, "once an hour"


@pytest.mark.parametrize(
    ("sent", "status"),
    [({"kind": "reclass", "class": "D99"}, 409), ({"kind": "assign", "assignee": "nobody-such"}, 409),
     ({"kind": "grow"}, 409), ({"kind": "confirm", "due": "tomorrow"}, 422), ({}, 422)],
)  # fmt: skip
def test_decisions_that_are_none(
    sent: dict[str, str], status: int, damages: list[Damage], people: People
) -> None:
    client = client_of(people["engineer"], writes=True)
    answer = client.post(f"/api/damages/{damages[0].pk}/decisions", sent, content_type="application/json")
    assert (answer.status_code, Review.objects.count()) == (status, 0)


def test_a_token_does_what_its_user_may_and_no_more(damages: list[Damage], people: People) -> None:
    address, sent = f"/api/damages/{damages[0].pk}/decisions", {"kind": "confirm"}
    may_not = client_of(people["ml"], writes=True)
    reads_only = client_of(people["engineer"])
    for client in (may_not, reads_only):
        assert client.post(address, sent, content_type="application/json").status_code == 403
    assert not Review.objects.exists()
    elsewhere = reads_only.get("/damages/")
    assert elsewhere.status_code == 302, "a token is good for the API alone"


@pytest.mark.parametrize("end", ["expired", "withdrawn", "deactivated", "deleted", "unknown"])
def test_tokens_that_are_good_for_nothing(end: str, people: People) -> None:
    user = User.objects.create_user("gis")
    user.groups.set(people["ml"].groups.all())
    token, secret = make_token(user, "QGIS")
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    assert client.get("/api/me").json() == {"user": "gis", "groups": ["ml"]}
    match end:
        case "expired":
            Token.objects.filter(pk=token.pk).update(expires=timezone.now() - timedelta(seconds=1))
        case "withdrawn":
            token.delete()
        case "deactivated":
            User.objects.filter(pk=user.pk).update(is_active=False)
        case "deleted":
            user.audit_entries.all()._raw_delete("default")
            user.delete()
        case "unknown":
            client = Client(headers={"Authorization": "Bearer nothing"})
    answer = client.get("/api/me")
    assert (answer.status_code, "WWW-Authenticate" in answer.headers) == (401, True)


def test_a_form_of_another_site_changes_nothing(damages: list[Damage], people: People) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people["engineer"])
    sent = {"kind": "confirm"}
    answer = client.post(f"/api/damages/{damages[0].pk}/decisions", sent, content_type="application/json")
    assert (answer.status_code, Review.objects.count()) == (403, 0)


def test_the_page_of_tokens(people: People, client: Client) -> None:
    client.force_login(people["ml"])
    shown = client.post("/tokens/new/", {"name": "<b>QGIS</b>", "days": "30"}).content.decode()
    [token] = Token.objects.all()
    assert token.digest not in shown
    assert "&lt;b&gt;QGIS" in shown
    assert token.begins in client.get("/tokens/").content.decode()
    client.force_login(people["engineer"])
    assert client.post(f"/tokens/{token.pk}/withdraw/").status_code == 404, "of somebody else"
    client.force_login(people["administrator"])
    client.post(f"/tokens/{token.pk}/withdraw/")
    assert not Token.objects.exists()
    for days in ("0", "x", "99999", "99999999999"):
        client.post("/tokens/new/", {"name": "QGIS", "days": days})
    assert not Token.objects.exists()


def test_work_lists_and_drives(damages: list[Damage], people: People) -> None:
    made = WorkList.objects.create(title="week 15", by=people["engineer"])
    made.stops.create(damage=damages[1], place=1)
    client = client_of(people["engineer"])
    [told] = client.get("/api/work-lists").json()["results"]
    assert (told["title"], [stop["damage"] for stop in told["stops"]]) == ("week 15", [damages[1].pk])
    assert client.get(f"/api/work-lists/{made.pk}").json() == told
    [drive] = client.get("/api/drives").json()["results"]
    assert client.get(f"/api/drives/{drive['number']}").json()["metres"] == 400.0


def test_what_models_learn_from(damages: list[Damage], people: People) -> None:
    decide(damages[0].pk, people["engineer"], Decision("confirm"))
    trained = Training.objects.create(
        by=people["ml"], name="May", dataset="city", epochs=1, image_px=64, batch=1, problem=problem(TokenError("away"))
    )  # fmt: skip
    again = Rerun.objects.create(by=people["ml"], model="roaddamage-2")
    again.drives.create(drive=Drive.objects.get(), place=1, counts={"new": 2})
    client = client_of(people["ml"])
    [frame] = client.get("/api/frames").json()["results"]
    [box] = frame["boxes"]
    assert (box["class"], box["damage"], box["box"]) == ("D00", damages[0].pk, [0.4, 0.5, 0.6, 0.8])
    assert client.get(f"/api/frames/{frame['number']}").json() == frame
    [training] = client.get("/api/trainings").json()["results"]
    assert (training["state"], training["problem"]) == ("queued", "away")
    assert client.get(f"/api/trainings/{trained.pk}").json() == training
    [rerun] = client.get("/api/reruns").json()["results"]
    assert rerun["drives"][0]["counts"] == {"new": 2}
    assert client.get(f"/api/reruns/{again.pk}").json() == rerun
    assert client_of(people["engineer"]).get("/api/trainings").status_code == 403
    assert {one.action for one in AuditEntry.objects.filter(by=people["ml"])} >= {"frames.read", "frame.seen"}


QUICK = settings(
    max_examples=25, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)  # fmt: skip


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("place", ["/api/openapi.json", "/ogc/api"])
def test_whatever_the_description_allows_is_answered_as_it_says(
    place: str, damages: list[Damage], people: People, live_server: Any
) -> None:
    secret = make_token(people["engineer"], "schemathesis", writes=True)[1]
    headers = {"Authorization": f"Bearer {secret}"}
    described = schemathesis.openapi.from_url(f"{live_server.url}{place}", headers=headers)
    for operation in (found.ok() for found in described.get_all_operations()):

        @QUICK
        @given(case=operation.as_strategy())
        def asked(case: Any) -> None:
            # No schema can say that south is south of north: what is refused so is no failure.
            case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

        asked()
