"""Webhooks: which systems of the network are told of what, and whether it reached them."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from detector.errors import N_
from roaddamage.records.audit import audited
from roaddamage.records.models import Delivery, Webhook
from roaddamage.web.access import who
from roaddamage.web.templating import say
from roaddamage.webhooks import EVENTS, TEST, WebhookError, make_webhook, tell

SHOWN = 50


@require_GET
def webhooks(request: HttpRequest) -> HttpResponse:
    """All of them, the last deliveries, and a form for one more."""
    rows = Delivery.objects.select_related("webhook")[:SHOWN]
    values = {
        "webhooks": Webhook.objects.select_related("by"),
        "deliveries": rows,
        "events": EVENTS,
        "test": TEST,
    }
    return render(request, "web/webhooks.html", values)


@require_POST
def webhook_new(request: HttpRequest) -> HttpResponse:
    """Make one; its secret is shown here, and nowhere again."""
    try:
        made = make_webhook(
            request.POST.get("address", "").strip(), request.POST.getlist("events"), who(request)
        )
    except WebhookError as error:
        messages.error(request, error.message(say))
        return redirect("webhooks")
    return render(request, "web/webhook.html", {"webhook": made})


@require_POST
def webhook_change(request: HttpRequest, number: int) -> HttpResponse:
    """Try it with a test (`test`), let it rest (`rest`), wake it (`wake`), or delete it (`delete`)."""
    row, what = get_object_or_404(Webhook, pk=number), request.POST.get("what", "")
    if what == "test":
        tell(TEST, {"text": say(N_("A test from the road damage system."))}, only=row)
    elif what in ("rest", "wake"):
        row.active = what == "wake"
        row.save(update_fields=["active"])
    elif what == "delete":
        row.delete()
    else:
        return redirect("webhooks")
    audited(request.user, f"webhook.{what}", row.address)
    return redirect("webhooks")
