"""The audit log as a page and as CSV: who saw, decided, exported, deleted what, and when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from detector.errors import N_
from maps.texts import UTF_8
from roaddamage.records.audit import audited
from roaddamage.records.models import AuditEntry
from roaddamage.web.audit_details import in_words
from roaddamage.web.audit_words import ACTIONS
from roaddamage.web.downloads import csv_line
from roaddamage.web.templating import say

PAGE = 100
CHUNK = 2_000
HEADINGS = (
    N_("time"),
    N_("user"),
    N_("what was done"),
    N_("name of the action"),
    N_("of what"),
    N_("details"),
)


class Filters(forms.Form):
    """What to show; days are the municipality's, both included."""

    by = forms.ModelChoiceField(User.objects.order_by("username"), required=False)
    action = forms.CharField(required=False, max_length=40)
    target = forms.CharField(required=False, max_length=200)
    begin = forms.DateField(required=False)
    end = forms.DateField(required=False)

    def rows(self) -> QuerySet[AuditEntry]:
        """The entries asked for, the latest first; none where a filter can't be read."""
        rows = AuditEntry.objects.select_related("by")
        if not self.is_valid():
            return rows.none()
        given: dict[str, Any] = self.cleaned_data
        wanted = {
            "by": given["by"], "action": given["action"], "target__icontains": given["target"],
            "at__gte": given["begin"] and _midnight(given["begin"]),
            "at__lt": given["end"] and _midnight(given["end"] + timedelta(days=1)),
        }  # fmt: skip
        return rows.filter(**{name: value for name, value in wanted.items() if value})


@require_GET
def audit(request: HttpRequest) -> HttpResponse:
    """A page of it."""
    form = Filters(request.GET)
    pages = Paginator(form.rows(), PAGE)
    asked = request.GET.copy()
    asked.pop("page", None)
    return render(
        request, "web/audit.html",
        {
            "page": pages.get_page(request.GET.get("page")), "form": form, "asked": asked.urlencode(),
            "people": User.objects.order_by("username"), "actions": _actions(), "words": ACTIONS,
            "in_words": in_words,
        },
    )  # fmt: skip


@require_GET
def audit_csv(request: HttpRequest) -> StreamingHttpResponse:
    """All entries asked for, up to this moment; the download is itself an entry."""
    form = Filters(request.GET)
    last = AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    rows = form.rows().filter(pk__lte=last)
    audited(
        request.user, "audit.exported", filters={name: text for name, text in request.GET.items() if text}
    )
    return StreamingHttpResponse(
        _lines(rows), content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="log.csv"'},
    )  # fmt: skip


def _lines(rows: QuerySet[AuditEntry]) -> Iterator[bytes]:
    yield csv_line([say(heading) for heading in HEADINGS]).encode(UTF_8)
    for row in rows.iterator(CHUNK):
        name = row.by.get_username() if row.by else ""
        moment = timezone.localtime(row.at).isoformat(timespec="seconds")
        what = say(ACTIONS.get(row.action) or row.action)
        yield csv_line([moment, name, what, row.action, row.target, in_words(row.details)]).encode()


def _actions() -> list[str]:
    found = AuditEntry.objects.order_by("action").values_list("action", flat=True).distinct()
    return sorted(found, key=lambda action: say(ACTIONS.get(action) or action))


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
