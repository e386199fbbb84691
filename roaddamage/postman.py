"""The postman: brings webhooks' deliveries, again and again where need be; a target that hangs keeps no other waiting."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import requests
from django.db import connection
from django.utils import timezone

from roaddamage.delivery_faults import fault_of
from roaddamage.problems import problem
from roaddamage.records.models import Delivery
from roaddamage.webhooks import WebhookError, check, signature

TRY_AGAIN_AFTER = [timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360, 1440)]
"""After the last of these a delivery is given up."""
ANSWER_S = 10.0
LEASE = timedelta(minutes=2)
"""So long nobody else takes a delivery that is being brought."""
LOOK_EVERY_S = 5.0
AT_ONCE = 8
KEEP_DAYS = 30
log = logging.getLogger("roaddamage.webhooks")


def bring(delivery: Delivery) -> None:
    """Try to bring one delivery, and write down what came of it."""
    delivery.tries += 1
    address, delivery.told, delivery.problem = delivery.webhook.address, "", {}
    try:
        check(address)
        delivery.told = _sent(delivery)
    except WebhookError as error:
        delivery.problem = problem(error)
    except requests.RequestException as error:
        delivery.problem = problem(fault_of(error, address, ANSWER_S))
    states = Delivery.State
    if delivery.told.startswith("2"):
        delivery.state = states.taken
    elif delivery.tries > len(TRY_AGAIN_AFTER):
        delivery.state = states.given_up
    else:
        delivery.due = timezone.now() + TRY_AGAIN_AFTER[delivery.tries - 1]
    delivery.save(update_fields=["tries", "told", "problem", "state", "due"])


def _sent(delivery: Delivery) -> str:
    """The status of the answer; what it says is not read."""
    body = json.dumps(delivery.body, ensure_ascii=False).encode()
    headers = {
        "Content-Type": "application/json", "X-Roaddamage-Event": delivery.event,
        "X-Roaddamage-Delivery": str(delivery.pk), "X-Roaddamage-Signature": signature(delivery.webhook.secret, body),
    }  # fmt: skip
    with requests.Session() as session:
        session.trust_env = False  # no proxy, no password of this machine
        with session.post(
            delivery.webhook.address, data=body, headers=headers, timeout=ANSWER_S, allow_redirects=False, stream=True
        ) as answer:  # fmt: skip
            return f"{answer.status_code} {answer.reason}"[:200]


class Postman:
    """Brings what waits, until `stop`; each webhook's deliveries one after the other."""

    def __init__(self, bring: Callable[[Delivery], None] = bring) -> None:
        self._bring = bring
        self._over = threading.Event()
        self._busy: set[int] = set()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook")
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is being brought may be brought again."""
        self._over.set()
        self._thread.join(LOOK_EVERY_S)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def look(self) -> int:
        """Begin to bring what waits; for how many webhooks."""
        waiting = Delivery.objects.filter(state=Delivery.State.waiting, due__lte=timezone.now())
        begun = 0
        for number in (
            waiting.filter(webhook__active=True).values_list("webhook", flat=True).distinct().order_by()
        ):
            with self._lock:
                if number in self._busy:
                    continue
                self._busy.add(number)
            self._pool.submit(self._round, number)
            begun += 1
        return begun

    def _run(self) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            try:
                self.look()
                old = timezone.now() - timedelta(days=KEEP_DAYS)
                Delivery.objects.filter(at__lt=old).exclude(state=Delivery.State.waiting).delete()
            except Exception as error:  # the database is away: the next look is soon
                log.warning("webhooks could not be looked for: %s", error)
            finally:
                connection.close()

    def _round(self, number: int) -> None:
        """What waits for one webhook, until one is not taken."""
        try:
            while not self._over.is_set() and (delivery := _claimed(number)):
                self._bring(delivery)
                if delivery.state != Delivery.State.taken:
                    break
        except Exception as error:  # the lease ends, and it is tried again
            log.warning("a webhook's round ended: %s", error)
        finally:
            with self._lock:
                self._busy.discard(number)
            connection.close()


def _claimed(number: int) -> Delivery | None:
    """The webhook's next delivery, for this postman alone."""
    now = timezone.now()
    first = (
        Delivery.objects.filter(webhook=number, state=Delivery.State.waiting, due__lte=now)
        .select_related("webhook").order_by("pk").first()
    )  # fmt: skip
    if first is None:
        return None
    mine = Delivery.objects.filter(pk=first.pk, due=first.due, state=Delivery.State.waiting)
    return first if mine.update(due=now + LEASE) else None
