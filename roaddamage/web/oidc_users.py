"""Users as the municipality's OpenID Connect provider tells of them: who they are, and what they may do."""

from __future__ import annotations

import re
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import User
from django.db import transaction

from detector.errors import N_, RoadDamageError
from roaddamage.identity_provider import provider
from roaddamage.records.audit import audited
from roaddamage.web.access import ADMINISTRATOR
from roaddamage.web.groups import put_into, somebody_left

ID = "oidc"
BACKEND = "roaddamage.web.oidc_users.ByProvider"
"""How a session says that the provider vouched for its user."""
LONGEST_NAME = 150
NOT_IN_NAMES = re.compile(r"[^\w.@+-]+")
DEACTIVATED = N_("The user {name} may not log in here any more. If that is wrong, ask an administrator.")
NO_GROUP = N_(
    "You are known to {label}, but none of your groups there is one that works with this application. Ask an administrator"
    " to have you put into one. Groups that {label} told of: {told}."
)
UNKNOWN = N_(
    "You are known to {label}, but not here yet. Ask an administrator to enter this identifier with your user: {subject}"
)
TAKEN = N_(
    "There is a user {name} here already who is not connected with {label}. If that is you, ask an administrator to enter"
    " this identifier with your user: {subject}"
)


class LogInError(RoadDamageError):
    """A log-in that the provider vouches for, and that is refused here."""


class ByProvider(BaseBackend):
    """Finds the user of a session that began by the provider's word; one who is let in no longer is nobody at once."""

    def get_user(self, user_id: int) -> User | None:
        """The user, while active."""
        return User.objects.filter(pk=user_id, is_active=True).first()


def user_of(account: SocialAccount, claims: dict[str, Any]) -> User:
    """The user that an account at the provider stands for, in the groups that its claims tell of; a new one is made.

    An account is told by its subject alone, never by a name or an e-mail address. Raises LogInError.
    """
    groups, told = provider().groups_of(claims)
    known = account.pk is not None
    if known and not account.user.is_active:
        raise _refused(account, claims, DEACTIVATED, name=account.user.username)
    if known:
        _follow(account.user, groups)
    if not groups:
        raise _refused(account, claims, NO_GROUP, told=", ".join(told)[:500] or "–")
    user: User = account.user if known else _made(account, claims, groups)
    return user


def provider_of(user: User) -> str:
    """What the provider is called by which a user logs in who has no password here; else ""."""
    return "" if settings.OIDC is None or user.has_usable_password() else str(settings.OIDC.label)


def subject_of(user: User) -> str:
    """The identifier by which the provider knows a user; "" where it does not."""
    return str(
        SocialAccount.objects.filter(user=user, provider=ID).values_list("uid", flat=True).first() or ""
    )


def owner_of(subject: str) -> User | None:
    """The user who has an identifier."""
    account = SocialAccount.objects.filter(provider=ID, uid=subject).select_related("user").first()
    return account.user if account else None


def connect(user: User, subject: str) -> None:
    """Let the provider vouch for a user by this identifier alone; "" for none."""
    SocialAccount.objects.filter(user=user, provider=ID).exclude(uid=subject).delete()
    if subject:
        SocialAccount.objects.get_or_create(user=user, provider=ID, uid=subject)


def _refused(account: SocialAccount, claims: dict[str, Any], why: str, **values: object) -> LogInError:
    named = str(claims.get("preferred_username", ""))[:LONGEST_NAME]
    audited(None, "user.log_in_refused", account.uid, name=named, way=ID)
    return LogInError(why, label=provider().label, subject=account.uid, **values)


def _follow(user: User, groups: frozenset[str]) -> None:
    """Put a user into the provider's groups; the last administrator stays one, or nobody could mend the settings."""
    if groups == frozenset(user.groups.values_list("name", flat=True)):
        return
    with transaction.atomic():
        put_into(user, sorted(groups))
        if not somebody_left():
            groups |= {ADMINISTRATOR}
            put_into(user, sorted(groups))
        audited(None, "user.changed", user.username, groups=sorted(groups), way=ID)


def _made(account: SocialAccount, claims: dict[str, Any], groups: frozenset[str]) -> User:
    if not provider().make_users:
        raise _refused(account, claims, UNKNOWN)
    name = NOT_IN_NAMES.sub("-", str(claims.get("preferred_username") or account.uid))[:LONGEST_NAME]
    if User.objects.filter(username__iexact=name).exists():
        raise _refused(account, claims, TAKEN, name=name)
    family, given = (str(claims.get(part) or "")[:LONGEST_NAME] for part in ("family_name", "given_name"))
    if not family and not given:
        family = str(claims.get("name") or "")[:LONGEST_NAME]
    with transaction.atomic():
        user = User(username=name, last_name=family, first_name=given)
        user.set_unusable_password()
        user.save()
        put_into(user, sorted(groups))
        account.user = user
        account.save()
        audited(None, "user.created", name, groups=sorted(groups), way=ID)
    return user
