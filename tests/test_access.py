"""Every address of the application, held against the table of who may go there, by really asking for it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

from roaddamage.records.models import OneTimePassword
from roaddamage.web.access import ACCESS, ADMINISTRATOR, GROUPS, KNOWN, PUBLIC

pytestmark = pytest.mark.django_db
ARGUMENTS: dict[str, object] = {
    "number": 1, "uid": "a", "kind": "csv", "sighting": 1, "change": 1, "file": 1, "app_label": "auth", "object_id": "1", "content_type_id": 1,
    "url": "nowhere", "path": "nowhere", "name": "a.jpg", "collection": "damages", "key": "1-0",
}  # fmt: skip
"""What to put where an address has a place for something, by its name."""
WHO = (*GROUPS, "nobody", "anonymous", "deactivated", "one-time")
ASKING = ("engineer", ADMINISTRATOR)
"""Between them they are let in nearly everywhere: their walks are tried on every database."""
METHODS = ("get", "post", "put", "patch", "delete")


def addresses(part: URLResolver | None = None, namespace: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Name and arguments' names of each address."""
    for one in (part or get_resolver()).url_patterns:
        if isinstance(one, URLPattern):
            yield f"{namespace}{one.name}", tuple(one.pattern.converters or one.pattern.regex.groupindex)
        else:
            yield from addresses(one, f"{namespace}{one.namespace}:" if one.namespace else namespace)


NAMES = dict(addresses())


def address(name: str) -> str:
    """An address of that name. Django's own pages name theirs after the model."""
    if name == "admin:None":  # what Django's own pages do not know
        return f"{reverse('admin:index')}nowhere/"
    values = {argument: ARGUMENTS[argument] for argument in NAMES[name] if argument in ARGUMENTS}
    try:
        return reverse(name, kwargs=values)
    except NoReverseMatch:
        return reverse(name, args=["1"])


KEPT = re.compile(
    r"admin:auth_(user|group)_(add|change|delete)"
    r"|admin:records_vehicle_(add|delete)|admin:autocomplete"
)
"""What is only looked at, at the administrators' desk, or not there: refused to all."""


def let_in(who: str, name: str) -> bool:
    if name in PUBLIC:
        return True
    if who in ("anonymous", "deactivated"):
        return False
    if name in KNOWN:
        return True
    return who in ({ADMINISTRATOR} if name.startswith("admin:") else ACCESS[name])


@pytest.fixture
def clients(people: dict[str, User]) -> dict[str, Client]:
    late = User.objects.create_user("late", password="late-secret-1", is_superuser=True, is_staff=True)  # noqa: S106
    new = User.objects.create_user("new", password="new-secret-1", is_superuser=True, is_staff=True)  # noqa: S106
    OneTimePassword.objects.create(user=new)
    made = {who: Client(raise_request_exception=False) for who in WHO}
    for who, user in {**people, "deactivated": late, "one-time": new}.items():
        made[who].force_login(user)
    User.objects.filter(pk=late.pk).update(is_active=False)
    return made


def asked(client: Client, name: str, method: str) -> bool:
    """Whether an address lets a client through; what the request changed is undone."""
    cookies = client.cookies.copy()
    with transaction.atomic():
        answer = getattr(client, method)(address(name))
        if answer.streaming:
            b"".join(answer)  # which closes what it is read from
        transaction.set_rollback(True)
    client.cookies = cookies
    sent = answer.headers.get("Location", "")
    away = sent.startswith(f"{reverse('login')}?") or (name not in KNOWN and sent == reverse("password"))
    return not (answer.status_code in (401, 403) or away)


def test_every_address_is_in_the_table() -> None:
    unknown = NAMES.keys() - PUBLIC - KNOWN - ACCESS.keys()
    assert {name for name in unknown if not name.startswith("admin:")} == set()


@pytest.mark.parametrize(
    "who", [who if who in ASKING else pytest.param(who, marks=pytest.mark.any_database) for who in WHO]
)
def test_only_who_may_is_let_in(who: str, clients: dict[str, Client], workspace: object) -> None:
    names = [name for name in sorted(NAMES) if not (who == ADMINISTRATOR and KEPT.fullmatch(name))]
    asks = [
        (name, method) for name in names for method in METHODS[: 2 if name.startswith("admin:") else None]
    ]
    told = {(name, method): asked(clients[who], name, method) for name, method in asks}
    assert {ask for ask in asks if told[ask] != let_in(who, ask[0])} == set()


def test_the_table_names_no_address_that_is_not_there() -> None:
    assert not (PUBLIC | KNOWN | ACCESS.keys()) - NAMES.keys()


def test_parts_of_pages_are_sent_to_the_log_in_as_a_whole(clients: dict[str, Client]) -> None:
    asked = {"HX-Request": "true", "HX-Current-URL": "http://testserver/drives/?page=2"}
    for who, status, target in (
        ("anonymous", 401, "/login/?next=/drives/%3Fpage%3D2"), ("one-time", 403, reverse("password"))
    ):  # fmt: skip
        answer = clients[who].get(reverse("queue"), headers=asked)
        assert (answer.status_code, answer.headers["HX-Redirect"]) == (status, target)


@pytest.mark.parametrize(
    ("method", "referer", "back", "told"),
    [
        pytest.param("get", "", "/drives/1/", "もう一度ログインすると", id="a page"),
        pytest.param(
            "post", "http://testserver/drives/1/?a=b", "/drives/1/%3Fa%3Db", "保存されていません", id="a form"
        ),
        pytest.param(
            "post", "https://elsewhere.example/x/", "/x/", "保存されていません", id="never elsewhere"
        ),
        pytest.param("post", "", "/", "保存されていません", id="a form from nowhere"),
    ],
)
def test_who_is_logged_out_is_told_and_comes_back(
    method: str, referer: str, back: str, told: str, clients: dict[str, Client]
) -> None:
    client = clients["anonymous"]
    client.cookies["sessionid"] = "expired"
    address = "/drives/1/" if method == "get" else "/drives/1/start/"
    answer = getattr(client, method)(address, headers={"Referer": referer})
    assert answer.headers["Location"] == f"/login/?next={back}"
    assert told in client.get(answer.headers["Location"]).content.decode()


def test_who_does_something_stays_logged_in(
    client: Client, people: dict[str, User], workspace: object
) -> None:
    client.force_login(people["engineer"])

    def asked(**headers: str) -> float:
        session = client.session
        session["did"] = 1e9
        session.save()
        client.get(reverse("drives"), headers=headers)
        return float(client.session["did"])

    assert asked(**{"HX-Request": "true"}) == 1e9, "a page that asks by itself"
    before = asked()
    assert before > 1e9
    client.get(reverse("drives"))
    assert client.session["did"] == before, "seldom written"
