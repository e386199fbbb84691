"""Where decisions are sent: from the review page by script (JSON comes back), from a damage's page as a form."""

from __future__ import annotations

from datetime import date

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from detector.errors import N_
from roaddamage.records import decisions, taking_back
from roaddamage.records.decisions import Decision, DecisionError
from roaddamage.records.models import Damage, Review
from roaddamage.records.numbers import number_in
from roaddamage.records.queue import QUEUES, Asked, waiting
from roaddamage.records.whole_frames import FrameError, say_whole_of
from roaddamage.web.templating import say


def decision_of(form: QueryDict) -> Decision:
    """The decision that a form tells of. Raises DecisionError."""
    try:
        box = tuple(float(share) for share in form.get("box", "").split(",")) if form.get("box") else None
        return Decision(
            form.get("kind", ""),
            rejected_as=form.get("rejected_as", ""),
            class_id=int(form.get("class_id", "")) if form.get("class_id") else None,
            box=box if box is None or len(box) == 4 else None,
            picture=form.get("picture", ""),
            assignee=_user(form.get("assignee", "")),
            due=date.fromisoformat(form.get("due", "")) if form.get("due") else None,
            priority=float(form.get("priority", "")) if form.get("priority") else None,
            comment=form.get("comment", "").strip(),
        )
    except ValueError as error:
        raise DecisionError(
            N_("The decision is not complete. Load the page again and decide once more.")
        ) from error


def _user(text: str) -> int | None:
    if not text:
        return None
    user = User.objects.filter(pk=int(text), is_active=True).first()
    if user is None:
        raise ValueError(text)
    return user.pk


@require_POST
def decide(request: HttpRequest, number: int) -> HttpResponse:
    """Decide on a damage, as it was when the person looked at it (`version`)."""
    try:
        decision = decision_of(request.POST)
        decided = decisions.decide(number, _by(request), decision, numbered(request, "version"))
    except DecisionError as error:
        return _refused(request, error, number)
    return _done(request, decided, _and_whole(request, decided))


def _and_whole(request: HttpRequest, decided: Review) -> str:
    """Where the person said with the decision that nothing else is in the picture: what came of that."""
    if request.POST.get("whole") != "yes":
        return ""
    try:
        say_whole_of(decided.damage, _by(request), True)
    except FrameError as error:
        return error.message(say)
    return say(N_("Nothing else is in its picture."))


@require_POST
def damage_whole(request: HttpRequest, number: int) -> HttpResponse:
    """Say of the picture of a damage that is decided on that nothing else is in it, or that this is not known."""
    row = get_object_or_404(Damage.objects.select_related("best"), pk=number)
    whole = request.POST.get("whole") == "yes"
    try:
        say_whole_of(row, _by(request), whole)
    except FrameError as error:
        return JsonResponse({"said": error.message(say)}, status=409)
    said = (
        N_("Nothing else is in its picture.")
        if whole
        else N_("Whether there is more in its picture is open.")
    )
    return JsonResponse({"number": number, "said": say(said)})


@require_POST
def undo(request: HttpRequest) -> HttpResponse:
    """Take back one's own last decision, on one damage where its `number` is given."""
    number = numbered(request, "number")
    try:
        decided = taking_back.undo(_by(request), number)
    except DecisionError as error:
        return _refused(request, error, number)
    return _done(request, decided)


@require_POST
def comment(request: HttpRequest, number: int) -> HttpResponse:
    """Say something about a damage."""
    try:
        return _done(request, decisions.comment(number, _by(request), request.POST.get("comment", "")))
    except DecisionError as error:
        return _refused(request, error, number)


def numbered(request: HttpRequest, name: str) -> int | None:
    """A whole number that a form sent; None where it sent none."""
    return number_in(request.POST.get(name, ""))


def _by(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise DecisionError(N_("Log in to decide."))
    return request.user


def _script(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")


def _done(request: HttpRequest, review: Review, also: str = "") -> HttpResponse:
    row, kind = review.damage, review.get_kind_display()
    text = say(N_("Damage {number}: {what}.")).format(number=row.pk, what=say(kind))
    text = f"{text} {also}".strip()
    if not _script(request):
        messages.success(request, text)
        return redirect("damage", row.pk)
    queue = request.POST.get("queue", "")
    waits = queue not in QUEUES or waiting(Asked(queue)).filter(pk=row.pk).exists()
    return JsonResponse({"number": row.pk, "waits": waits, "said": text})


def _refused(request: HttpRequest, error: DecisionError, number: int | None) -> HttpResponse:
    if _script(request):
        return JsonResponse({"said": error.message(say)}, status=409)
    messages.error(request, error.message(say))
    return redirect("damage", number) if number is not None else redirect("review")
