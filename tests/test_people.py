"""Users, their one-time passwords, lock-outs, languages, and the pages of what can't be answered."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from roaddamage.records.models import AuditEntry, OneTimePassword
from roaddamage.web.access import GROUPS, groups_of

pytestmark = pytest.mark.django_db
OWN = "katana-1234-ok"


@pytest.fixture
def administrator(client: Client, people: dict[str, User]) -> Client:
    client.force_login(people["administrator"])
    return client


def log_in(name: str, password: str) -> Client:
    client = Client()
    client.post(reverse("login"), {"username": name, "password": password})
    return client


def shown_password(page: bytes) -> str:
    found = re.search(r"<code>(.+?)</code>", page.decode())
    assert found
    return found[1]


def test_a_one_time_password_opens_nothing_but_its_change(administrator: Client) -> None:
    made = administrator.post(reverse("person_new"), {"username": "sato", "groups": ["crew"]})
    client = log_in("sato", password := shown_password(made.content))
    assert client.get("/").headers["Location"] == reverse("password")
    change = {"old_password": password, "new_password1": OWN, "new_password2": OWN}
    assert client.post(reverse("password"), change).status_code == 302
    assert client.get("/").status_code == 200
    assert groups_of(User.objects.get(username="sato")) == {"crew"}


def test_the_same_password_again_is_no_change(administrator: Client) -> None:
    made = administrator.post(reverse("person_new"), {"username": "sato", "groups": ["crew"]})
    client = log_in("sato", password := shown_password(made.content))
    client.post(
        reverse("password"), {"old_password": password, "new_password1": password, "new_password2": password}
    )
    assert OneTimePassword.objects.filter(user__username="sato").exists()


def test_five_wrong_passwords_lock_a_name_until_an_administrator_unlocks_it(
    administrator: Client, people: dict[str, User]
) -> None:
    answers = [
        Client().post(reverse("login"), {"username": "crew", "password": "wrong"}).status_code
        for _ in range(5)
    ]
    assert answers == [200] * 4 + [429]
    assert log_in("crew", "crew-secret-1").get("/").status_code == 302
    assert "ロック".encode() in administrator.get(reverse("people")).content
    administrator.post(reverse("person_unlock", args=[people["crew"].pk]))
    assert log_in("crew", "crew-secret-1").get("/").status_code == 200


def test_who_is_let_in_no_longer_is_out_at_once(administrator: Client, people: dict[str, User]) -> None:
    crew = log_in("crew", "crew-secret-1")
    administrator.post(reverse("person", args=[people["crew"].pk]), {"username": "crew", "groups": ["crew"]})
    assert crew.get("/").headers["Location"].startswith(reverse("login"))


@pytest.mark.parametrize(
    "change", [{"is_active": "on"}, {"groups": ["administrator"]}], ids=["group", "active"]
)
def test_the_last_administrator_stays(
    change: dict[str, object], administrator: Client, people: dict[str, User]
) -> None:
    row = people["administrator"]
    answer = administrator.post(reverse("person", args=[row.pk]), {"username": "administrator", **change})
    row.refresh_from_db()
    assert (answer.status_code, row.is_active, row.is_superuser) == (422, True, True)


def test_a_new_password_ends_log_ins_by_the_old(administrator: Client, people: dict[str, User]) -> None:
    crew = log_in("crew", "crew-secret-1")
    administrator.post(reverse("person_password", args=[people["crew"].pk]))
    assert crew.get("/").headers["Location"].startswith(reverse("login"))


def test_a_name_that_is_taken_is_told(administrator: Client) -> None:
    answer = administrator.post(reverse("person_new"), {"username": "crew", "groups": ["crew"]})
    assert (answer.status_code, answer.content.count(b'aria-invalid="true"')) == (422, 1)


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_is_enough(group: str, people: dict[str, User]) -> None:
    User.objects.update(is_superuser=False, is_staff=False)
    answer = log_in(group, f"{group}-secret-1").get("/admin/records/vehicle/")
    assert answer.status_code == (200 if group == "administrator" else 403)


def test_log_ins_are_written_down(people: dict[str, User]) -> None:
    client = log_in("crew", "wrong")
    log_in("secret typed as a name", "wrong")
    client = log_in("crew", "crew-secret-1")
    client.post(reverse("logout"))
    told = list(AuditEntry.objects.order_by("pk").values_list("action", "target", "by__username"))
    assert told == [
        ("user.log_in_failed", "crew", None),
        ("user.log_in_failed", "", None),
        ("user.logged_in", "crew", "crew"),
        ("user.logged_out", "crew", "crew"),
    ]


@pytest.mark.parametrize(
    ("next_page", "goes_to"),
    [("/drives/?page=2", "/drives/?page=2"), ("https://evil.example/", "/"), ("//evil.example/", "/")],
)
def test_a_language_is_kept_and_the_way_back_is_ours(client: Client, next_page: str, goes_to: str) -> None:
    answer = client.post(reverse("set_language"), {"language": "en", "next": next_page})
    assert (answer.headers["Location"], answer.cookies["language"].value) == (goes_to, "en")
    assert b"<h1>Log in</h1>" in client.get(reverse("login")).content


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("case", ["not there", "not allowed", "forged", "other host"])
def test_what_can_not_be_answered_has_a_page(case: str, language: str, people: dict[str, User]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.cookies["language"] = language
    client.force_login(people["crew"])
    answer = {
        "not there": lambda: client.get("/nowhere/"),
        "not allowed": lambda: client.get(reverse("people")),
        "forged": lambda: client.post(reverse("logout")),
        "other host": lambda: client.get("/", headers={"Host": "<b>roads.example"}),
    }[case]()
    page = answer.content.decode()
    assert answer.status_code == {"not there": 404, "other host": 400}.get(case, 403)
    assert f'<html lang="{language}">' in page
    assert "<b>" not in page


def test_answers_carry_what_keeps_them_safe(client: Client) -> None:
    answer = client.get(reverse("login"))
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.cookies["csrftoken"]["httponly"]
    assert answer.cookies["csrftoken"]["samesite"] == "Lax"


def test_what_a_password_must_be_like_is_told_in_words(administrator: Client) -> None:
    page = administrator.get("/password/").content.decode()
    assert "10 文字以上" in page
    assert "&lt;" not in page


def test_who_is_locked_out_finds_the_way_back(people: dict[str, User], client: Client) -> None:
    for _ in range(5):
        page = client.post("/login/", {"username": "crew", "password": "wrong"})
    assert page.status_code == 429
    assert 'class="button" href="/login/"' in page.content.decode()


@pytest.mark.parametrize(
    ("family", "given", "shown"),
    [
        ("佐藤", "花子", "佐藤 花子"),
        ("Sato", "Hanako", "Hanako Sato"),
        ("佐藤", "", "佐藤"),
        ("", "", "crew"),
    ],
)
def test_names_are_written_as_people_write_them(
    family: str, given: str, shown: str, people: dict[str, User]
) -> None:
    user = people["crew"]
    user.last_name, user.first_name = family, given
    user.save()
    client = Client()
    client.force_login(user)
    assert f">{shown}</a>" in client.get("/").content.decode()


def test_a_tab_has_a_picture(client: Client) -> None:
    assert client.get("/favicon.ico").headers["Location"] == "/static/web/icon.svg"
