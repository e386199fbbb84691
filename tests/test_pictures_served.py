"""Evidence pictures: who may see them, and that no address leads anywhere else."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from made_records import made_damage, made_drive

from roaddamage.records.models import Damage, Sighting
from roaddamage.workspace import Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


@pytest.fixture
def damage(workspace: Workspace, people: dict[str, Any]) -> Damage:
    return made_damage(made_drive(people["crew"]), pictures=True)


@pytest.mark.parametrize(
    ("who", "status"),
    [("crew", 403), ("engineer", 200), ("ml", 200), ("administrator", 200), ("nobody", 403), (None, 302)],
)
def test_who_may_see_pictures(
    damage: Damage, client: Client, people: dict[str, Any], who: str | None, status: int
) -> None:
    if who:
        client.force_login(people[who])
    assert client.get(f"/evidence/{damage.best_id}/crop/").status_code == status


@pytest.mark.parametrize("kind", ["picture", "crop", "frame"])
def test_pictures_are_kept_by_their_reader_alone(
    damage: Damage, client: Client, people: dict[str, Any], kind: str
) -> None:
    client.force_login(people["engineer"])
    answer = client.get(f"/evidence/{damage.best_id}/{kind}/")
    assert answer.content.startswith(b"\xff\xd8\xff")
    assert answer["Content-Type"] == "image/jpeg"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"] == "private, no-cache"
    same = client.get(f"/evidence/{damage.best_id}/{kind}/", headers={"If-None-Match": answer["ETag"]})
    assert (same.status_code, same.content) == (304, b"")


@pytest.mark.parametrize("name", [
    "", "missing.jpg", "../../secret-key", "../2/0.jpg", "/etc/hostname", "..", ".", "link.jpg", "%2e%2e/secret-key",
])  # fmt: skip
def test_a_name_leads_nowhere_else(
    damage: Damage, workspace: Workspace, client: Client, people: dict[str, Any], name: str
) -> None:
    folder = workspace.evidence / str(damage.best.drive_id)  # type: ignore[union-attr]
    (folder / "link.jpg").symlink_to(workspace.folder / "secret-key")
    (workspace.evidence / "2").mkdir(exist_ok=True)
    (workspace.evidence / "2" / "0.jpg").write_bytes(b"another drive's")
    Sighting.objects.update(crop=name)
    client.force_login(people["engineer"])
    answer = client.get(f"/evidence/{damage.best_id}/crop/")
    assert answer.status_code == (200 if name == "../2/0.jpg" else 404)
    assert b"another drive's" not in answer.content


@pytest.mark.parametrize("path", ["999/crop", "1/secret", "1/box", "1/pk", "x/crop", "1/..%2Fsecret-key"])
def test_what_is_no_picture(damage: Damage, client: Client, people: dict[str, Any], path: str) -> None:
    client.force_login(people["engineer"])
    assert client.get(f"/evidence/{path}/").status_code == 404
    assert client.post(f"/evidence/{damage.best_id}/crop/").status_code == 405
