"""Users: made, given groups and one-time passwords, let in no longer, unlocked."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from axes.models import AccessAttempt
from axes.utils import reset
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from detector.errors import N_
from roaddamage.records.audit import audited
from roaddamage.records.models import OneTimePassword
from roaddamage.web.access import GROUPS, who
from roaddamage.web.groups import put_into, somebody_left
from roaddamage.web.oidc_users import connect, owner_of, subject_of
from roaddamage.web.templating import say

GROUP_NAMES = {
    "crew": N_("crew (hands footage in, repairs)"),
    "engineer": N_("engineer (decides, hands out repairs)"),
    "ml": N_("machine learning (looks, trains models)"),
    "administrator": N_("administrator (all, and users)"),
    "footage": N_(
        "original footage (besides a group: opens it unmasked, each time with a reason that is kept)"
    ),
}
SOMEBODYS = N_("This is the identifier of the user {name} already.")
LAST = N_("There must be an administrator who can log in. Make another one first.")


class PersonForm(forms.ModelForm[User]):
    """A user as administrators see one."""

    groups = forms.MultipleChoiceField(choices=[(name, name) for name in GROUPS], required=False)
    subject = forms.CharField(max_length=191, required=False)

    class Meta:
        model = User
        fields = ("username", "last_name", "first_name", "is_active")

    def clean_subject(self) -> str:
        """Raises ValidationError for one that is another user's."""
        subject: str = self.cleaned_data["subject"]
        owner = owner_of(subject) if subject else None
        if owner is not None and owner != self.instance:
            raise forms.ValidationError(say(SOMEBODYS).format(name=owner.username))
        return subject

    def changes(self, row: User, before: list[str]) -> dict[str, Any]:
        """What is to be written into the log: fields with their new values."""
        changed = {name: self.cleaned_data[name] for name in self.changed_data if name != "groups"}
        wanted = sorted(self.cleaned_data["groups"])
        return changed if wanted == before else {**changed, "groups": wanted}


@require_GET
def people(request: HttpRequest) -> HttpResponse:
    """Everyone, and a form for one more."""
    return render(request, "web/people.html", _all(PersonForm()))


@require_POST
def person_new(request: HttpRequest) -> HttpResponse:
    """Make a user; the one-time password is shown here, and nowhere again."""
    form = PersonForm({**request.POST.dict(), "groups": request.POST.getlist("groups"), "is_active": "on"})
    if not form.is_valid():
        return render(request, "web/people.html", _all(form), status=422)
    with transaction.atomic():
        row = form.save(commit=False)
        subject = form.cleaned_data["subject"]
        password = "" if subject else _one_time(row)
        if subject:
            row.set_unusable_password()
            row.save()
        put_into(row, form.cleaned_data["groups"])
        connect(row, subject)
        told = {"groups": sorted(form.cleaned_data["groups"])} | ({"subject": subject} if subject else {})
        audited(request.user, "user.created", row.username, **told)
    if subject:
        return _saved(request, row)
    return render(request, "web/one_time.html", {"person": row, "password": password})


@require_http_methods(["GET", "POST"])
def person(request: HttpRequest, number: int) -> HttpResponse:
    """Change a user, whom nobody deletes: what they decided stays theirs."""
    row = get_object_or_404(User, pk=number)
    before = sorted(row.groups.values_list("name", flat=True))
    as_it_is = {"groups": before, "subject": subject_of(row)}
    if request.method != "POST":
        return _one(request, row, PersonForm(instance=row, initial=as_it_is), 200)
    form = PersonForm(request.POST, instance=row, initial=as_it_is)
    if not form.is_valid():
        return _one(request, User.objects.get(pk=number), form, 422)
    with transaction.atomic():
        form.save()
        put_into(row, form.cleaned_data["groups"])
        if settings.OIDC is not None:
            connect(row, form.cleaned_data["subject"])
        if kept := somebody_left():
            audited(request.user, "user.changed", row.username, **form.changes(row, before))
        else:
            transaction.set_rollback(True)
    if kept:
        return _saved(request, row)
    form.add_error(None, say(LAST))
    return _one(request, User.objects.get(pk=number), form, 422)


@require_POST
def person_password(request: HttpRequest, number: int) -> HttpResponse:
    """Give a user a one-time password, shown here and nowhere again; who is logged in by the old one no longer is."""
    row = get_object_or_404(User, pk=number)
    with transaction.atomic():
        password = _one_time(row)
        audited(request.user, "user.password_given", row.username)
    reset(username=row.username)
    if row == who(request):
        messages.warning(request, say(N_("It is your own: log in again with it.")))
    return render(request, "web/one_time.html", {"person": row, "password": password})


@require_POST
def person_unlock(request: HttpRequest, number: int) -> HttpResponse:
    """Let a user try again who gave too many wrong passwords."""
    row = get_object_or_404(User, pk=number)
    reset(username=row.username)
    audited(request.user, "user.unlocked", row.username)
    messages.success(request, say(N_("{name} can log in again.")).format(name=row.username))
    return redirect("people")


def _saved(request: HttpRequest, row: User) -> HttpResponse:
    messages.success(request, say(N_("The user {name} was saved.")).format(name=row.username))
    return redirect("people")


def _all(form: PersonForm) -> dict[str, Any]:
    rows = User.objects.prefetch_related("groups").select_related("one_time_password").order_by("username")
    return {
        "people": rows,
        "locked": _locked(),
        "form": form,
        "group_names": GROUP_NAMES,
        "oidc": settings.OIDC,
    }


def _one(request: HttpRequest, row: User, form: PersonForm, status: int) -> HttpResponse:
    kept = {
        "person": row, "form": form, "group_names": GROUP_NAMES, "locked": row.username in _locked(),
        "in_groups": form["groups"].value() or [], "oidc": settings.OIDC,
    }  # fmt: skip
    return render(request, "web/person.html", kept, status=status)


def _one_time(row: User) -> str:
    """Give a user a new password, and note that it is to be changed."""
    password = secrets.token_urlsafe(9)
    row.set_password(password)
    row.save()
    OneTimePassword.objects.update_or_create(user=row)
    return password


def _locked() -> frozenset[str]:
    """Names of those who have to wait now."""
    since = timezone.now() - timedelta(hours=settings.AXES_COOLOFF_TIME)
    attempts = AccessAttempt.objects.filter(
        attempt_time__gte=since, failures_since_start__gte=settings.AXES_FAILURE_LIMIT
    )
    return frozenset(attempts.values_list("username", flat=True))
