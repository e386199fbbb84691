"""Log-in by an OpenID Connect provider: one of others' making, that the tests run."""

from __future__ import annotations

import socket
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.test import Client
from oidc_provider import Provider, begun, running

from roaddamage.configuration import FILE, ConfigurationError, read
from roaddamage.records.models import AuditEntry
from roaddamage.web.access import groups_of

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.any_database,
    # the provider's own libraries, which tell one another of what they will be one day
    pytest.mark.filterwarnings("ignore::authlib.deprecate.AuthlibDeprecationWarning"),
]
People = dict[str, User]
HERE = "http://testserver"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with running() as made:
            yield made


@pytest.fixture
def oidc(provider: Provider, settings: Any, workspace: Any) -> Provider:
    settings.OIDC = provider.oidc(HERE)
    return provider


def changed(settings: Any, **values: Any) -> None:
    settings.OIDC = settings.OIDC.model_copy(update=values)


def by(provider: Provider, subject: str, client: Client | None = None) -> Any:
    """Log in by the provider: the client, and the answer at the end."""
    client = client or Client()
    return client, client.get(provider.vouches(begun(client), subject))


def test_who_is_known_there_is_made_here_in_the_groups_told(oidc: Provider) -> None:
    oidc.person(
        "sato-1", "road-engineers", "bowling", family_name="佐藤", given_name="花子", email="s@city.lan"
    )
    client, answer = by(oidc, "sato-1")
    assert answer.headers["Location"] == "/"
    user = User.objects.get(username="sato-1")
    assert (groups_of(user), user.last_name, user.email, user.has_usable_password()) == (
        {"engineer"}, "佐藤", "", False,
    )  # fmt: skip
    assert client.get("/review/").status_code == 200
    assert client.get("/people/").status_code == 403
    [account] = SocialAccount.objects.all()
    assert (account.uid, account.extra_data, EmailAddress.objects.count()) == ("sato-1", {}, 0), (
        "no more is kept"
    )
    told = {(one.action, one.details.get("way")) for one in AuditEntry.objects.all()}
    assert {("user.created", "oidc"), ("user.logged_in", "oidc")} <= told


def test_groups_follow_the_claim_at_each_log_in(oidc: Provider, people: People) -> None:
    oidc.person("abe", "road-engineers", "it")
    by(oidc, "abe")
    user = User.objects.get(username="abe")
    assert (groups_of(user), user.is_superuser) == (
        frozenset({"engineer", "administrator", "crew", "ml"}),
        True,
    )
    oidc.person("abe", "road-crews")
    by(oidc, "abe")
    user = User.objects.get(username="abe")
    assert (groups_of(user), user.is_superuser, user.is_staff) == ({"crew"}, False, False)
    [entry] = AuditEntry.objects.filter(action="user.changed")
    assert (entry.target, entry.details) == ("abe", {"groups": ["crew"], "way": "oidc"})
    by(oidc, "abe")
    assert AuditEntry.objects.filter(action="user.changed").count() == 1, "nothing changed"
    assert SocialAccount.objects.count() == 1


def test_the_last_administrator_stays_one(oidc: Provider) -> None:
    oidc.person("boss", "it")
    by(oidc, "boss")
    oidc.person("boss", "road-crews")
    client, _ = by(oidc, "boss")
    assert client.get("/people/").status_code == 200


@pytest.mark.parametrize("language", ["ja", "en"])
def test_who_has_no_group_is_told_and_sees_nothing(language: str, oidc: Provider) -> None:
    oidc.person("guest", "<b>bowling</b>")
    client = Client()
    client.cookies["language"] = language
    _, answer = by(oidc, "guest", client)
    page = answer.content.decode()
    assert (answer.status_code, "&lt;b&gt;bowling" in page, "<b>" in page) == (403, True, False)
    assert f'<html lang="{language}">' in page
    assert client.get("/").headers["Location"].startswith("/login/")
    assert not User.objects.exists()
    assert AuditEntry.objects.get().action == "user.log_in_refused"


def test_who_loses_all_groups_loses_them_here(oidc: Provider, people: People) -> None:
    oidc.person("mori", "road-engineers")
    by(oidc, "mori")
    oidc.person("mori")
    _, answer = by(oidc, "mori")
    assert (answer.status_code, groups_of(User.objects.get(username="mori"))) == (403, frozenset())


def test_who_is_deactivated_stays_out(oidc: Provider, people: People) -> None:
    oidc.person("ono", "road-engineers")
    client, _ = by(oidc, "ono")
    User.objects.filter(username="ono").update(is_active=False)
    assert client.get("/").headers["Location"].startswith("/login/"), "at once"
    _, answer = by(oidc, "ono")
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "claims",
    [{"preferred_username": "Engineer"}, {"preferred_username": "engineer", "email": "e@city.lan", "email_verified": True}],
    ids=["name", "e-mail"],
)  # fmt: skip
def test_nobody_becomes_a_user_who_is_here_already(
    claims: dict[str, Any], oidc: Provider, people: People
) -> None:
    User.objects.filter(username="engineer").update(email="e@city.lan")
    oidc.person("other", "it", **claims)
    client, answer = by(oidc, "other")
    assert (answer.status_code, "other" in answer.content.decode()) == (403, True)
    assert client.get("/").status_code == 302


def test_an_administrator_connects_users_by_their_identifier(oidc: Provider, people: People) -> None:
    oidc.person("8f-1", "road-engineers", preferred_username="engineer")
    desk = Client()
    desk.force_login(people["administrator"])
    number = people["engineer"].pk
    sent = {"username": "engineer", "groups": ["engineer"], "is_active": "on", "subject": "8f-1"}
    assert desk.post(f"/people/{number}/", sent).status_code == 302
    assert AuditEntry.objects.get(action="user.changed").details == {"subject": "8f-1"}
    client, _ = by(oidc, "8f-1")
    assert client.get("/review/").status_code == 200
    taken = {"username": "crew", "groups": ["crew"], "is_active": "on", "subject": "8f-1"}
    assert desk.post(f"/people/{people['crew'].pk}/", taken).status_code == 422
    new = desk.post("/people/new/", {"username": "tani", "groups": ["crew"], "subject": "8f-2"})
    assert new.status_code == 302
    assert not User.objects.get(username="tani").has_usable_password()
    desk.post(f"/people/{number}/", {**sent, "subject": ""})
    assert set(SocialAccount.objects.values_list("uid", flat=True)) == {"8f-2"}


def test_unknown_users_are_not_made_where_that_is_not_wanted(oidc: Provider, settings: Any) -> None:
    changed(settings, make_users=False)
    oidc.person("new-1", "road-crews")
    _, answer = by(oidc, "new-1")
    assert (answer.status_code, b"new-1" in answer.content, User.objects.count()) == (403, True, 0)


@pytest.mark.parametrize(("who", "let_in"), [("engineer", False), ("administrator", True)])
def test_passwords_for_administrators_alone(
    who: str, let_in: bool, oidc: Provider, settings: Any, people: People
) -> None:
    changed(settings, local_passwords=False)
    client = Client()
    answer = client.post("/login/", {"username": who, "password": f"{who}-secret-1"})
    assert (answer.status_code == 302, client.get("/").status_code == 200) == (let_in, let_in)


def test_who_has_no_password_is_not_asked_for_one(oidc: Provider) -> None:
    oidc.person("kato", "road-engineers")
    client, _ = by(oidc, "kato")
    assert b"old_password" not in client.get("/password/").content


def test_to_log_out_is_to_log_out_there_too(oidc: Provider) -> None:
    oidc.person("ito", "road-crews")
    client, _ = by(oidc, "ito")
    onward = client.post("/logout/").headers["Refresh"]
    assert f"{oidc.address}/oauth2/end_session?" in onward
    assert "post_logout_redirect_uri=http%3A%2F%2Ftestserver%2Flogin%2F" in onward
    assert client.get("/").status_code == 302
    local = Client()
    local.force_login(User.objects.get(username="ito"))
    assert "Refresh" not in local.post("/logout/").headers, "not by the provider's word"


def unreachable() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def told_in_words(answer: Any, status: int, said: str) -> None:
    page = answer.content.decode()
    assert (answer.status_code, said in page, "Traceback" in page) == (status, True, False), page


@pytest.mark.parametrize(("path", "said"), [("", "応答しません"), ("/nothing", "利用できません")])
def test_a_provider_that_is_not_there(path: str, said: str, oidc: Provider, settings: Any) -> None:
    changed(settings, server_url=oidc.address + path if path else unreachable())
    told_in_words(Client().post("/login/oidc/"), 502, said)


@pytest.mark.parametrize(
    ("error", "status", "said"), [("access_denied", 400, "取り消"), ("server_error", 502, "利用できません")]
)
def test_a_provider_that_lets_nobody_in(error: str, status: int, said: str, oidc: Provider) -> None:
    client = Client()
    state = begun(client).partition("state=")[2].partition("&")[0]
    told_in_words(client.get("/login/oidc/back/", {"error": error, "state": state}), status, said)


@pytest.mark.parametrize(
    ("place", "becomes", "said"),
    [
        pytest.param("OpenIDCode.get_jwt_config", {"exp": -60}, "時計", id="its clock is wrong"),
        pytest.param("OpenIDCode.get_jwt_config", {"iss": "http://elsewhere"}, "利用できません", id="another issuer"),
        pytest.param("OpenIDCode.generate_user_info", {"sub": "somebody"}, "利用できません", id="two people"),
    ],
)  # fmt: skip
def test_an_answer_that_proves_nothing(
    place: str, becomes: dict[str, Any], said: str, oidc: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oidc_provider_mock import _app

    name = place.partition(".")[2]
    usual = getattr(_app.OpenIDCode, name)
    monkeypatch.setattr(_app.OpenIDCode, name, lambda *them, **named: usual(*them, **named) | becomes)
    oidc.person("ueda", "road-crews")
    client, answer = by(oidc, "ueda")
    told_in_words(answer, 502, said)
    assert client.get("/").status_code == 302


@pytest.mark.parametrize("fault", ["state", "browser", "twice"])
def test_an_answer_to_another_question(fault: str, oidc: Provider) -> None:
    oidc.person("wada", "road-crews")
    client = Client()
    back = oidc.vouches(begun(client), "wada")
    if fault == "twice":
        client.get(back)
        client.post("/logout/")
    asked = Client() if fault == "browser" else client
    told_in_words(asked.get(back.replace("state=", "state=x") if fault == "state" else back), 400, "時間内")
    assert asked.get("/").status_code == 302


def test_a_secret_that_is_wrong(oidc: Provider, settings: Any) -> None:
    changed(settings, client_secret="mistyped")  # noqa: S106
    oidc.person("yano", "road-crews")
    told_in_words(by(oidc, "yano")[1], 502, "client_id")


def test_a_certificate_that_is_not_trusted_is_told(
    oidc: Provider, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refused(*_: Any, **named: Any) -> None:
        assert named["verify"] == str(tmp_path / "ca.pem")
        raise requests.exceptions.SSLError("certificate verify failed")

    (tmp_path / "ca.pem").write_text("")
    changed(settings, ca_file=str(tmp_path / "ca.pem"))
    monkeypatch.setattr(requests.Session, "request", refused)
    answer = Client().post("/login/oidc/")
    assert (answer.status_code, b"ca_file" in answer.content) == (502, True)


def test_without_a_provider_there_is_none(
    client: Client, monkeypatch: pytest.MonkeyPatch, workspace: Any
) -> None:
    def asked(*_: Any, **__: Any) -> None:
        raise AssertionError("nobody is to be asked")

    monkeypatch.setattr(requests.Session, "request", asked)
    assert client.post("/login/oidc/").status_code == client.get("/login/oidc/back/").status_code == 404
    assert b"oidc" not in client.get("/login/").content


@pytest.mark.parametrize(
    "path", ["accounts/login/", "accounts/signup/", "accounts/email/", "accounts/password/reset/", "accounts/social/signup/",
             "login/oidc/login/", "accounts/oidc/oidc/login/"],
)  # fmt: skip
def test_no_page_of_allauths_own_is_there(path: str, client: Client, oidc: Provider) -> None:
    assert client.get(f"/{path}").status_code == 404


def test_the_button_is_for_our_own_page_alone(oidc: Provider) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post("/login/oidc/").status_code == 403
    assert client.get("/login/oidc/").status_code == 405


@pytest.mark.parametrize(
    ("next_page", "goes_to"), [("/drives/?page=2", "/drives/?page=2"), ("https://evil.example/", "/")]
)
def test_the_way_back_is_ours(next_page: str, goes_to: str, oidc: Provider) -> None:
    oidc.person("hara", "road-engineers")
    client = Client()
    answer = client.get(oidc.vouches(begun(client, next=next_page), "hara"))
    assert answer.headers["Location"] == goes_to


GOOD = """[oidc]
server_url = "https://keycloak.city.lan/realms/city/"
client_id = "roaddamage"
client_secret_file = "secret"
groups_claim = "realm_access.roles"
groups = { "gis" = "ml" }
"""


def test_the_settings_of_a_provider(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(GOOD)
    (tmp_path / "secret").write_text("hidden\n")
    told = read(tmp_path, {}).oidc
    assert told is not None
    assert (told.server_url, told.secret(tmp_path)) == ("https://keycloak.city.lan/realms/city", "hidden")
    assert told.groups_of({"realm_access": {"roles": ["gis", "x"]}}) == ({"ml"}, ["gis", "x"])
    for claims in ({}, {"realm_access": 1}, {"realm_access": {"roles": {"gis": 1}}}):
        assert told.groups_of(claims) == (frozenset(), [])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("https://keycloak", "http://keycloak", "server_url"), ("https://keycloak.city.lan", "keycloak", "server_url"),
        ('"ml"', '"boss"', "groups"), ('{ "gis" = "ml" }', "{}", "groups"), ('"secret"', '"not-there"', "client_secret_file"),
        ("client_secret_file =", "client_secret = 'x'\nclient_secret_file =", "oidc"),
        ("client_id", "client", "client"), ("groups_claim", "ca_file = 'ca.pem'\ngroups_claim", "ca_file"),
        ("groups_claim", "scopes = ['profile']\ngroups_claim", "openid"),
    ],
)  # fmt: skip
def test_settings_of_a_provider_that_can_not_be(old: str, new: str, said: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(GOOD.replace(old, new, 1))
    (tmp_path / "secret").write_text("hidden")
    with pytest.raises(ConfigurationError) as error:
        read(tmp_path, {})
    assert said in error.value.message(str)
    assert "hidden" not in error.value.message(str)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("language", ["ja", "en"])
def test_from_button_to_home_and_out_in_a_browser(
    language: str, oidc: Provider, settings: Any, live_server: Any, browser: Any
) -> None:
    settings.OIDC = oidc.oidc(live_server.url)
    oidc.person("sato", "road-engineers", family_name="佐藤", given_name="花子")
    context = browser.new_context()
    context.add_cookies([{"name": "language", "value": language, "url": live_server.url}])
    page = context.new_page()
    complaints: list[str] = []
    page.on(
        "console",
        lambda told: (
            complaints.append(told.text) if told.location["url"].startswith(live_server.url) else None
        ),
    )
    page.goto(f"{live_server.url}/figures/")
    page.wait_for_load_state("load")
    page.get_by_role("button", name="市の統合ログイン").click()
    page.wait_for_url(f"{oidc.address}/oauth2/authorize?*")
    page.wait_for_load_state("load")
    page.locator("input[name=sub]").fill("sato")
    page.get_by_role("button", name="Authorize", exact=True).click()
    page.wait_for_url(f"{live_server.url}/figures/")
    page.wait_for_load_state("load")
    assert page.locator(".me a").inner_text() == "佐藤 花子"
    page.locator("form[action='/logout/'] button").click()
    page.wait_for_url(f"{oidc.address}/oauth2/end_session?*")
    page.wait_for_load_state("load")
    page.get_by_role("button", name="End session").click()
    page.wait_for_url(f"{live_server.url}/login/")
    assert complaints == []
    context.close()
