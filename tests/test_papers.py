"""Papers of long work lists: made aside, once for all who ask, anew when the list changes, and told when they fail."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from made_records import made_damage, made_drive

from maps.pdf import PdfError
from roaddamage import papers
from roaddamage.papers import OLD_S, Paper
from roaddamage.records import models
from roaddamage.records.decisions import Decision, decide
from roaddamage.records.work_lists import Plan, change, make_list
from roaddamage.workspace import Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
IN_A_WORKSPACE = """
import sys
from pathlib import Path
from roaddamage.server import prepare
if __name__ == "__main__":
    workspace = prepare(Path(sys.argv[1]))
    from django.contrib.auth.models import User
    from roaddamage.papers import Paper, in_process
    from roaddamage.records.models import WorkList
    made = WorkList.objects.create(title="x", by=User.objects.create_user("x"))
    paper = Paper.of(made, "ja")
    paper.path.parent.mkdir()
    print(in_process(paper), paper.ready, paper.path.read_bytes()[:5])
"""


@pytest.fixture
def listed(workspace: Workspace, people: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> models.WorkList:
    """A list of three stops, which is long already, and papers of a few bytes made in this thread."""
    monkeypatch.setattr(papers, "FEW", 2)
    monkeypatch.setattr(papers, "as_pdf", lambda row, translate, watch: f"%PDF {row.title}".encode())
    monkeypatch.setattr(papers, "in_process", lambda paper: paper.make() or 0)
    monkeypatch.setattr(threading, "Thread", Now)
    monkeypatch.setattr(papers.connection, "close", lambda: None)
    drive = made_drive(people["crew"])
    rows = [made_damage(drive, place, state="confirmed") for place in range(3)]
    return make_list(Plan("南区"), [row.pk for row in rows], people["engineer"])[0]


class Now:
    """A thread that is over when it was started."""

    def __init__(self, target: Any, args: Any = (), daemon: bool = True) -> None:
        self.start = lambda: target(*args)


def kept(workspace: Workspace) -> list[Path]:
    return sorted((workspace.folder / "papers").glob("*.pdf"))


def test_a_long_list_is_made_aside(
    listed: models.WorkList, people: dict[str, Any], client: Client, workspace: Workspace
) -> None:
    client.force_login(people["crew"])
    address = f"/work-lists/{listed.pk}/list.pdf"
    page = client.get(address, follow=True)
    assert page.redirect_chain == [(f"/work-lists/{listed.pk}/paper/", 302)]
    assert f'href="{address}"' in page.content.decode()
    answer = client.get(address)
    assert (answer["Content-Type"], answer.content) == ("application/pdf", "%PDF 南区".encode())
    assert len(kept(workspace)) == 1
    assert models.AuditEntry.objects.filter(action="work_list.exported").count() == 1


@pytest.mark.parametrize("what", ["title", "stop", "damage"])
def test_what_changed_is_made_anew(
    listed: models.WorkList, people: dict[str, Any], workspace: Workspace, what: str
) -> None:
    before = Paper.of(listed, "ja")
    before.ask()
    assert before.ready
    assert Paper.of(listed, "en") != before
    stop = listed.stops.get(place=1)
    if what == "title":
        change(listed, Plan("北区"), people["engineer"])
    elif what == "stop":
        stop.delete()
    else:
        decide(stop.damage_id, people["engineer"], Decision("due", due=date(2026, 5, 1)))
    after = Paper.of(listed, "ja")
    assert not after.ready
    after.ask()
    assert kept(workspace) == [after.path]


def test_an_old_one_is_made_anew(listed: models.WorkList) -> None:
    paper = Paper.of(listed, "ja")
    paper.ask()
    stat = paper.path.stat()
    os.utime(paper.path, (stat.st_atime, stat.st_mtime - OLD_S - 1))
    assert not paper.ready


def test_while_one_makes_it_nobody_else_does(
    listed: models.WorkList, people: dict[str, Any], client: Client, workspace: Workspace
) -> None:
    paper = Paper.of(listed, "ja")
    paper.path.parent.mkdir()
    client.force_login(people["crew"])
    client.cookies["language"] = "ja"
    with paper.held() as mine:
        assert mine
        paper._tell(1, 4)
        part = client.get(f"/work-lists/{listed.pk}/paper/", headers={"HX-Request": "true"}).content.decode()
        assert "25 %" in part
        assert "hx-get" in part
        assert "<html" not in part
    assert kept(workspace) == []


def test_a_process_of_its_own_makes_it(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(IN_A_WORKSPACE)
    outside = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, script, tmp_path / "workspace"], capture_output=True, text=True, cwd=Path(__file__).parents[1],
        env=outside | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    assert done.stdout.strip() == "0 True b'%PDF-'", done.stderr


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (PdfError("no Pango"), "no Pango"),
        (OSError(28, "No space left"), "No space left"),
        (SystemExit(3), "code"),
    ],
    ids=["no library", "full disk", "killed"],
)
def test_what_fails_is_told_and_can_be_tried_again(
    listed: models.WorkList, people: dict[str, Any], client: Client, monkeypatch: pytest.MonkeyPatch,
    workspace: Workspace, fault: BaseException, says: str,
) -> None:  # fmt: skip
    def fails(*args: object) -> bytes:
        raise fault

    def ends(paper: Paper) -> int:
        try:
            paper.make()
        except SystemExit as error:
            return int(str(error))
        return 0

    works = papers.as_pdf
    monkeypatch.setattr(papers, "in_process", ends)
    monkeypatch.setattr(papers, "as_pdf", fails)
    client.force_login(people["engineer"])
    client.cookies["language"] = "en"
    address = f"/work-lists/{listed.pk}/paper/"
    client.get(address)
    page = client.get(address).content.decode()
    assert 'role="alert"' in page
    assert says in page
    assert kept(workspace) == []
    assert not list((workspace.folder / "papers").glob("*.part"))
    monkeypatch.setattr(papers, "as_pdf", works)
    assert 'role="alert"' not in client.post(address, follow=True).content.decode()
    assert len(kept(workspace)) == 1
