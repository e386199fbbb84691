"""Health: how the application stands, for administrators; whether it answers at all, for whoever asks; and as metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_safe

from detector.errors import N_
from roaddamage import measures, metrics, retention_runs
from roaddamage.doctor import EARLY_S, FREE, LEAST_FREE, Word
from roaddamage.faults import AWAY
from roaddamage.problems import problem, told
from roaddamage.records.models import Retention, Turn, Work
from roaddamage.web.templating import length_of, local, number, say, size_of

DAYS = 7
"""What counts as lately."""
BACKUP_DAYS = 8
"""A backup a week, and a day to spare."""
SHOWN = 5
FOLDERS = {
    "": N_("workspace"), "footage": N_("footage"), "evidence": N_("evidence"), "frames": N_("labelled pictures"),
    "datasets": N_("datasets"), "photos": N_("photos of repairs"), "uploads": N_("uploads"), "exports": N_("exports"),
    "models": N_("models"), "trainings": N_("trainings"),
}  # fmt: skip
KINDS = {"job": N_("Drives"), "training": N_("Trainings")}
"""What is waited for, by its noun (`roaddamage.records.models.Work.NOUN`)."""


@dataclass
class Card:
    """One thing looked at: how it stands, its facts, and what to do."""

    title: str
    word: Word = Word.ok
    facts: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def doubt(self, word: Word, note: str) -> None:
        """Say what is not well; the worst word stays."""
        self.word = word if self.word is not Word.fault else self.word
        self.notes.append(note)


def cards() -> Iterator[Card]:
    """Everything; a look that fails is itself a fault."""
    looks: tuple[Callable[[], Card], ...] = (
        _queue, _workers, _failures, _gpu, _disk, _database, _backup, _model, _webhooks, _retention,
    )  # fmt: skip
    for look in looks:
        try:
            yield look()
        except OSError as error:
            broken = Card(say(N_("Could not be looked at")))
            broken.doubt(Word.fault, error.strerror or type(error).__name__)
            yield broken


@require_GET
def health(request: HttpRequest) -> HttpResponse:
    """The page."""
    return render(request, "web/health.html", {"cards": list(cards()), "now": timezone.now()})


@require_GET
def health_part(request: HttpRequest) -> HttpResponse:
    """The part of it that changes."""
    return render(request, "web/health_part.html", {"cards": list(cards()), "now": timezone.now()})


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Whether the application answers, for a load balancer: 200 or 503, and nothing else."""
    try:
        Turn.objects.exists()
        well = settings.WORKSPACE.is_made
    except AWAY:
        well = False
    return HttpResponse("ok\n" if well else "away\n", "text/plain", status=200 if well else 503)


@require_GET
def metrics_page(request: HttpRequest) -> HttpResponse:
    """The same for Prometheus."""
    return HttpResponse(metrics.written(), metrics.CONTENT_TYPE)


def _queue() -> Card:
    card = Card(say(N_("Queue")))
    for noun, one in measures.queue().items():
        waits, runs = one.states[Work.State.queued], one.states[Work.State.running]
        text = say(N_("{waiting} waiting, {running} running")).format(
            waiting=number(waits), running=number(runs)
        )
        card.facts.append((say(KINDS.get(noun, noun)), text))
        if one.oldest:
            card.facts.append((say(N_("The oldest waits")), length_of(one.wait_s)))
            if one.wait_s > 86_400:
                card.doubt(Word.warning, say(N_("Something has waited for more than a day.")))
    return card


def _workers() -> Card:
    card, rows = Card(say(N_("Workers"))), measures.workers()
    for row in rows:
        kind = say(N_("trainings")) if row.trainings else say(N_("drives"))
        text = say(N_("{kind} since {when}")).format(kind=kind, when=local(row.begun))
        card.facts.append((row.host, text))
    if not any(not row.trainings for row in rows):
        waits = any(one.states[Work.State.queued] for one in measures.queue().values())
        card.doubt(
            Word.fault if waits else Word.warning,
            say(
                N_(
                    "No worker has told of itself for a minute: drives wait. Start roaddamage serve, or a worker."
                )
            ),
        )
    return card


def _failures() -> Card:
    rows = measures.failures(DAYS)
    card = Card(say(N_("Failed in the last {days} days")).format(days=DAYS))
    exports, batches = measures.other_failures(DAYS)
    card.facts = [
        (say(N_("Runs")), number(len(rows))), (say(N_("Exports")), number(exports)), (say(N_("Uploads")), number(batches)),
    ]  # fmt: skip
    if exports or batches:
        card.doubt(Word.warning, say(N_("Why an export or an upload failed is told on its page.")))
    for _, row in rows[:SHOWN]:
        text = f"{local(row.finished)} {row.title}: {told(row.problem, say)}"
        card.doubt(Word.warning, text)
    return card


def _gpu() -> Card:
    card, rows = Card("GPU"), measures.gpus()
    for index, one in enumerate(rows):
        use = say(N_("in use")) if one.taken else say(N_("free"))
        used = f"{size_of(one.used_bytes)} / {size_of(one.total_bytes)}"
        card.facts.append((f"{index} {one.name}", f"{use}, {used}"))
    if not rows:
        card.facts.append((say(N_("This machine")), say(N_("none: drives run on the processor"))))
    return card


def _disk() -> Card:
    card = Card(say(N_("Disk")))
    for one in measures.disks():
        names = ", ".join(say(FOLDERS[name]) for name in one.folders)
        free = say(N_("{free} of {total} free")).format(
            free=size_of(one.free_bytes), total=size_of(one.total_bytes)
        )
        card.facts.append((names, free))
        if one.free_bytes < LEAST_FREE:
            card.doubt(
                Word.fault, say(N_("The disk is as good as full: make room, or keep footage for fewer days."))
            )
        elif one.free_bytes < FREE:
            card.doubt(
                Word.warning, say(N_("There is room for about a day's footage of one vehicle, or less."))
            )
    return card


def _database() -> Card:
    card = Card(say(N_("Records and clock")))
    vendor, took_s = measures.database()
    names = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
    card.facts.append(
        (names.get(vendor, vendor), say(N_("answers in {ms} ms")).format(ms=number(took_s * 1000, 1)))
    )
    card.facts.append((say(N_("Clock")), local(timezone.now())))
    if measures.ahead_s() > EARLY_S:
        card.doubt(
            Word.fault,
            say(N_("The newest record is of a later time than the clock's: let the clock be set by NTP.")),
        )
    return card


def _backup() -> Card:
    card, last = Card(say(N_("Backup"))), measures.last_backup()
    if last is None:
        card.doubt(Word.warning, say(N_("None was made yet with the command roaddamage backup.")))
        return card
    card.facts.append((say(N_("The last one")), local(last.at)))
    card.facts.append((say(N_("Size")), size_of(last.details.get("bytes", 0))))
    if not last.details.get("footage", True):
        card.facts.append((say(N_("Footage")), say(N_("not in it"))))
    if (timezone.now() - last.at).days >= BACKUP_DAYS:
        card.doubt(Word.warning, say(N_("It is more than a week old. Is the timer of the backup running?")))
    return card


def _model() -> Card:
    card = Card(say(N_("Model in use")))
    name, error = measures.model_in_use()
    if error:
        card.doubt(Word.fault, told(problem(error, settings.WORKSPACE.folder), say))
    else:
        card.facts.append((say(N_("Model")), name))
    return card


def _webhooks() -> Card:
    card, rows = Card(say(N_("Webhooks"))), measures.deliveries(DAYS)
    card.facts = [
        (say(N_("taken in the last {days} days")).format(days=DAYS), number(rows["taken"])),
        (say(N_("waiting")), number(rows["waiting"])),
        (say(N_("given up")), number(rows["given_up"])),
    ]
    if rows["given_up"]:
        card.doubt(Word.warning, say(N_("Deliveries were given up: see the page Webhooks.")))
    return card


def _retention() -> Card:
    card, last = Card(say(N_("Retention"))), Retention.objects.first()
    upcoming = retention_runs.next_run(last)
    card.facts.append((say(N_("Next time")), local(upcoming) if upcoming else say(N_("kept for ever"))))
    if last and last.finished:
        card.facts.append((say(N_("The last one")), local(last.finished)))
    if last and last.state == Retention.State.failed:
        card.doubt(Word.warning, told(last.problem, say))
    if left := measures.left_files():
        text = N_("Files that could not be removed from the disk yet: {count}. The server's log says why.")
        card.doubt(Word.warning, say(text).format(count=number(left)))
    return card
