"""The first page, and one's own password."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.password_validation import password_validators_help_texts
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse_lazy

from detector.errors import N_
from roaddamage.records.audit import audited
from roaddamage.records.models import Drive, OneTimePassword
from roaddamage.records.models.drives import LONG
from roaddamage.records.queue import QUEUES, Asked, waiting
from roaddamage.records.selection import Selection, count_of
from roaddamage.web.access import must_change_password, who
from roaddamage.web.oidc_users import provider_of
from roaddamage.web.templating import say


def home(request: HttpRequest) -> HttpResponse:
    """What waits for whom."""
    waits = {name: waiting(Asked(name)).count() for name in QUEUES}
    drives = Drive.objects.select_related("vehicle", "by").defer(*LONG)[:10]
    return render(
        request, "web/home.html", {"waiting": waits, "drives": drives, "damages": count_of(Selection())}
    )


class OwnPassword(PasswordChangeForm):
    """A password that is another one than before."""

    def clean_new_password1(self) -> str:
        """Raises ValidationError for the same one again."""
        password: str = self.cleaned_data["new_password1"]
        if self.user.check_password(password):
            raise ValidationError(say(N_("Choose another password than the one you have now.")))
        return password


class PasswordView(PasswordChangeView):
    """Change one's own password."""

    form_class = OwnPassword
    template_name = "web/password.html"
    success_url = reverse_lazy("home")

    def get_context_data(self, **kwargs: object) -> dict[str, object]:
        """Whether it is a one-time password, and what a password must be like."""
        return super().get_context_data(**kwargs) | {
            "provider": provider_of(who(self.request)), "forced": must_change_password(self.request.user), "rules": password_validators_help_texts(),
        }  # fmt: skip

    def form_valid(self, form: object) -> HttpResponse:
        audited(self.request.user, "user.password_changed", self.request.user.get_username())
        OneTimePassword.objects.filter(user=who(self.request)).delete()
        messages.success(self.request, say(N_("Your password was changed.")))
        return super().form_valid(form)  # type: ignore[arg-type]
