"""Webhooks, brought to a real server of this machine: taken, refused, hanging, gone."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from made_records import made_damage, made_drive

from roaddamage import delivery_faults, postman
from roaddamage.language import translation
from roaddamage.postman import TRY_AGAIN_AFTER, Postman, bring
from roaddamage.records.decisions import Decision, decide
from roaddamage.records.models import Delivery, Webhook
from roaddamage.webhooks import CONFIRMED, NEW, REPAIRED, WebhookError, make_webhook, signature, tell
from roaddamage.workspace import Workspace

pytestmark = pytest.mark.django_db
People = dict[str, User]


class Target(ThreadingHTTPServer):
    """A system that is told: it answers with `status`, or, for 0, not before `over`."""

    daemon_threads = True

    def __init__(self) -> None:
        self.status, self.got, self.over = 200, [], threading.Event()

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                target.got.append((self.path, dict(self.headers), body))
                if not target.status:
                    target.over.wait(600)
                    return
                self.send_response(target.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        target = self
        super().__init__(("127.0.0.1", 0), Answer)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


@pytest.fixture
def target() -> Iterator[Target]:
    made = Target()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.over.set()
    made.shutdown()
    thread.join()
    made.server_close()


def brought(number: int) -> Delivery:
    delivery = Delivery.objects.select_related("webhook").get(pk=number)
    bring(delivery)
    return Delivery.objects.get(pk=number)


def test_only_what_was_asked_for_is_told_and_signed(
    workspace: Workspace, people: People, target: Target
) -> None:
    made = make_webhook(target.address, [CONFIRMED], people["administrator"])
    tell(REPAIRED, {"number": 1})
    tell(CONFIRMED, {"number": 2, "road": "青山通り", "due": timezone.now()})
    [waiting] = Delivery.objects.all()
    assert brought(waiting.pk).state == Delivery.State.taken
    [(path, headers, body)] = target.got
    assert (path, json.loads(body)["road"]) == ("/hook", "青山通り")
    assert headers["X-Roaddamage-Signature"] == signature(made.secret, body)
    made.active = False
    made.save()
    tell(CONFIRMED, {"number": 3})
    assert Delivery.objects.count() == 1


def test_what_people_decide_is_told(workspace: Workspace, people: People) -> None:
    make_webhook("http://127.0.0.1/", [NEW, CONFIRMED, REPAIRED], people["administrator"])
    made = made_damage(made_drive(people["crew"]))
    for kind in ("confirm", "assign", "repair"):
        decide(made.pk, people["engineer"], Decision(kind))
    told = [(one.event, one.body["damage"]["state"]) for one in Delivery.objects.order_by("pk")]
    assert told == [(CONFIRMED, "confirmed"), (REPAIRED, "repaired")]


@pytest.mark.parametrize("status", [500, 404, 302])
def test_what_is_not_taken_is_brought_again_and_given_up_in_the_end(
    status: int, workspace: Workspace, people: People, target: Target
) -> None:
    make_webhook(target.address, [NEW], people["administrator"])
    tell(NEW, {"drive": 1})
    number, target.status = Delivery.objects.get().pk, status
    for tries, wait in enumerate(TRY_AGAIN_AFTER, 1):
        told = brought(number)
        assert (told.tries, told.state, told.told[:3]) == (tries, Delivery.State.waiting, str(status))
        assert abs(told.due - timezone.now() - wait) < timedelta(seconds=50)
    assert brought(number).state == Delivery.State.given_up
    assert {path for path, _, _ in target.got} == {"/hook"}, "a redirection is not followed"


def test_a_target_that_hangs_or_is_gone_ends(
    workspace: Workspace, people: People, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postman, "ANSWER_S", 0.3)
    make_webhook(target.address, [NEW], people["administrator"])
    make_webhook("http://127.0.0.1:1/", [NEW], people["administrator"])
    target.status = 0
    tell(NEW, {"drive": 1})
    told = [brought(one.pk) for one in Delivery.objects.order_by("pk")]
    templates = [str(one.problem["template"]) for one in told]
    assert templates == [delivery_faults.NO_ANSWER, delivery_faults.REFUSED]
    assert not any(one.told for one in told)
    assert {one.state for one in told} == {Delivery.State.waiting}


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (
            "http://127.0.0.1:1/",
            "127.0.0.1 は接続を拒否しました（ポート 1 で待ち受けているものがありません）。",
        ),
        (
            "http://nowhere.invalid:8000/",
            "nowhere.invalid という名前は、このネットワークでは見つかりません。",
        ),
        ("https://127.0.0.1:{port}/", "127.0.0.1 の証明書を受け入れられませんでした（TLS）。"),
    ],
)
def test_what_went_wrong_is_told_in_words(address: str, words: str, target: Target) -> None:
    address = address.format(port=target.server_port)
    with pytest.raises(requests.RequestException) as raised:
        requests.post(address, timeout=30, proxies={"http": "", "https": ""})
    told = delivery_faults.fault_of(raised.value, address, 10.0).message(translation("ja"))
    assert told.startswith(words)


@pytest.mark.django_db(transaction=True)
def test_one_that_hangs_keeps_no_other_waiting(workspace: Workspace, people: People) -> None:
    slow, quick = (make_webhook(f"http://127.0.0.1/{name}", [NEW], people["administrator"]) for name in "ab")
    hangs, done = threading.Event(), threading.Semaphore(0)
    brought: list[int] = []

    def bring_slowly(delivery: Delivery) -> None:
        if delivery.webhook_id == slow.pk:
            hangs.wait(600)
        brought.append(delivery.webhook_id)
        Delivery.objects.filter(pk=delivery.pk).update(state=Delivery.State.taken)
        delivery.state = Delivery.State.taken
        done.release()

    for number in range(3):
        tell(NEW, {"drive": number})
    made = Postman(bring_slowly)
    assert made.look() == 2
    for _ in range(3):
        assert done.acquire(timeout=600)
    assert brought == [quick.pk] * 3
    hangs.set()
    for _ in range(3):
        assert done.acquire(timeout=600)
    made._pool.shutdown(wait=True)
    assert made.look() == 0


@pytest.mark.parametrize(
    "address",
    ["ftp://127.0.0.1/", "http://", "127.0.0.1", "http://8.8.8.8/", "http://[2001:4860:4860::8888]/", "http://a:b@127.0.0.1/",
     "http://nowhere.invalid/", "http://127.0.0.1:99999/", f"http://127.0.0.1/{'a' * 600}", "http://[::1"],
)  # fmt: skip
def test_addresses_that_can_not_be(address: str, workspace: Workspace, people: People) -> None:
    with pytest.raises(WebhookError):
        make_webhook(address, [NEW], people["administrator"])
    assert not Webhook.objects.exists()


def test_the_page(workspace: Workspace, people: People, client: Client, target: Target) -> None:
    client.force_login(people["administrator"])
    shown = client.post("/webhooks/new/", {"address": target.address, "events": [NEW, "x"]}).content.decode()
    [made] = Webhook.objects.all()
    assert made.secret in shown
    assert made.events == [NEW]
    client.post(f"/webhooks/{made.pk}/change/", {"what": "test"})
    number = Delivery.objects.get().pk
    brought(number)
    page = client.get("/webhooks/").content.decode()
    assert "200 OK" in page
    assert made.secret not in page
    client.post(f"/webhooks/{made.pk}/change/", {"what": "rest"})
    assert not Webhook.objects.get().active
    client.post(f"/webhooks/{made.pk}/change/", {"what": "delete"})
    assert not Delivery.objects.exists()
    client.post("/webhooks/new/", {"address": target.address})
    client.post("/webhooks/new/", {"address": "http://8.8.8.8/", "events": [NEW]})
    assert not Webhook.objects.exists()
