"""Health and metrics: what they tell of good and bad days, and who may read them."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from made_records import made_drive
from prometheus_client.parser import text_string_to_metric_families

from roaddamage import attendance, measures
from roaddamage.api.tokens import make_token
from roaddamage.configuration import Configuration
from roaddamage.jobs import JobError
from roaddamage.measures import Disk, Gpu
from roaddamage.problems import problem
from roaddamage.records.audit import audited
from roaddamage.records.models import Batch, Delivery, Job, Leaving, Turn, Webhook, Worker
from roaddamage.workspace import Workspace

pytestmark = pytest.mark.django_db
People = dict[str, User]
ALERTS = Path(__file__).parents[1] / "docs" / "deploy" / "roaddamage-alerts.yml"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(client: Client, **extra: Any) -> Samples:
    """What Prometheus' own parser reads."""
    answer = client.get(reverse("metrics"), **extra)
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.content.decode())
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in families
        for one in family.samples
    }


@pytest.fixture
def bad_week(people: People, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed run, one that waits, a worker that lives and one that died, an old backup, and a full disk."""
    now, drive = timezone.now(), made_drive(people["crew"], "夜の走行")
    told = problem(JobError("It went wrong."))
    Job.objects.create(drive=drive, by=people["crew"], state="failed", finished=now, problem=told)
    waits = Job.objects.create(drive=drive, by=people["crew"])
    Job.objects.filter(pk=waits.pk).update(at=now - timedelta(days=2))
    attendance.tell("a", trainings=False)
    Worker.objects.create(name="dead", host="h", beat=now - timedelta(minutes=5))
    audited(None, measures.BACKUP, "b.tar", bytes=5_000_000, footage=False)
    week = timedelta(days=9)
    monkeypatch.setattr(measures, "last_backup", lambda of=measures.last_backup: _older(of(), week))
    monkeypatch.setattr(measures, "disks", lambda: iter([Disk(("", "footage"), 10**9, 10**12)]))
    monkeypatch.setattr(measures, "gpus", lambda: [Gpu("H", 10**9, 8 * 10**9, True)])
    Batch.objects.create(uid="a", by=people["crew"], state="failed")
    hook = Webhook.objects.create(address="http://10.0.0.1/", secret="s", by=people["administrator"])  # noqa: S106
    Delivery.objects.create(webhook=hook, event="e", body={}, state="given_up", due=now)
    Leaving.objects.create(path="footage/x")


def _older(entry: Any, by: timedelta) -> Any:
    entry.at -= by
    return entry


def test_the_page_tells_what_is_wrong(client: Client, people: People, bad_week: None) -> None:
    client.force_login(people["administrator"])
    client.cookies["language"] = "en"
    page = client.get(reverse("health_part")).content.decode()
    for text in (
        "1 waiting, 0 running", "waited for more than a day", "夜の走行: It went wrong.", "H</dt><dd>in use, 1.00 GB / 8.00 GB",
        "Uploads</dt><dd>1<", "as good as full", "more than a week old", "not in it", "were given up", "could not be removed from the disk yet: 1", "roaddamage-2",
    ):  # fmt: skip
        assert text in page, text
    assert page.count('class="state ok"') == 4


def test_nobody_works(client: Client, people: People, workspace: Workspace) -> None:
    client.force_login(people["administrator"])
    client.cookies["language"] = "en"
    assert 'class="state fault"' not in client.get(reverse("health")).content.decode()
    Job.objects.create(drive=made_drive(people["crew"]), by=people["crew"])
    page = client.get(reverse("health")).content.decode()
    assert "No worker has told of itself" in page
    assert 'class="state fault"' in page


def test_a_model_that_is_gone_is_a_fault(client: Client, people: People, workspace: Workspace) -> None:
    (workspace.folder / "models").mkdir()
    (workspace.folder / "models" / "history.json").write_text("no json")
    client.force_login(people["administrator"])
    page = client.get(reverse("health")).content.decode()
    assert "models/history.json" in page
    assert str(workspace.folder) not in page
    client.logout()
    assert scraped(client, **_token(people["administrator"]))["roaddamage_model_there", ()] == 0


def _token(user: User) -> dict[str, Any]:
    return {"headers": {"authorization": f"Bearer {make_token(user, 'prometheus', 30, writes=False)[1]}"}}


def test_metrics_tell_the_same(client: Client, people: People, bad_week: None) -> None:
    told = scraped(client, **_token(people["administrator"]))
    job = (("kind", "job"),)
    assert told["roaddamage_queue", (*job, ("state", "queued"))] == 1
    assert told["roaddamage_failed_total", job] == 1
    assert told["roaddamage_queue_oldest_seconds", job] == pytest.approx(2 * 86_400, abs=600)
    assert told["roaddamage_workers", (("kind", "drives"),)] == 1
    assert told["roaddamage_gpu_memory_used_bytes", (("gpu", "0"),)] == 1e9
    assert told["roaddamage_gpu_taken", (("gpu", "0"),)] == 1
    assert told["roaddamage_disk_free_bytes", (("folder", "footage"),)] == 1e9
    assert told["roaddamage_backup_age_seconds", ()] == pytest.approx(9 * 86_400, abs=600)
    assert told["roaddamage_webhook_deliveries", (("state", "given_up"),)] == 1
    assert (told["roaddamage_files_left", ()], told["roaddamage_model_there", ()]) == (1, 1)
    alerts = {
        name for name in re.findall(r"roaddamage_\w+", ALERTS.read_text()) if name != "roaddamage_alerts"
    }
    assert len(alerts) > 6
    assert alerts <= {name for name, _ in told}, "what docs/deploy alerts by"


def test_requests_are_counted(client: Client, people: People, workspace: Workspace) -> None:
    token, key = (
        _token(people["administrator"]),
        ("roaddamage_requests_total", (("method", "GET"), ("status", "404"))),
    )
    before = scraped(client, **token).get(key, 0.0)
    client.get("/nowhere/")
    assert scraped(client, **token)[key] == before + 1


@pytest.mark.parametrize(
    ("hosts", "address", "status"),
    [
        ([], "10.1.2.3", 401),
        (["10.1.2.3"], "10.1.2.3", 200),
        (["10.1.2.4"], "10.1.2.3", 401),
        (["10.1.0.0/16"], "10.1.2.3", 200),
        (["fd00::/8"], "fd00::1", 200),
        (["10.1.0.0/16"], "", 401),
    ],
)
def test_where_metrics_are_read_without_a_token(
    hosts: list[str], address: str, status: int, client: Client, workspace: Workspace, settings: Any
) -> None:
    settings.CONFIGURATION = Configuration.model_validate({"metrics": {"hosts": hosts}})
    assert client.get(reverse("metrics"), REMOTE_ADDR=address).status_code == status
    assert client.get(reverse("health"), REMOTE_ADDR=address).status_code == 302, (
        "pages need a log-in all the same"
    )


def test_an_engineers_token_reads_no_metrics(client: Client, people: People, workspace: Workspace) -> None:
    assert client.get(reverse("metrics"), **_token(people["engineer"])).status_code == 403


def test_whether_it_answers(client: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (client.get("/healthz").status_code, client.get("/healthz").content) == (200, b"ok\n")

    def away(*_: Any) -> bool:
        raise OperationalError("the database is away")

    monkeypatch.setattr(type(Turn.objects.all()), "exists", away)
    assert (client.get("/healthz").status_code, client.get("/healthz").content) == (503, b"away\n")


def test_workers_that_end_in_order_are_gone() -> None:
    attendance.tell("a", trainings=True)
    attendance.tell("a", trainings=True)
    Worker.objects.create(name="b", host="h", beat=timezone.now() - timedelta(days=2))
    attendance.tell("c", trainings=False)
    assert set(attendance.living().values_list("name", flat=True)) == {"a", "c"}
    attendance.leave("a")
    assert list(Worker.objects.values_list("name", flat=True)) == ["c"]
