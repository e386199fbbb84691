"""What goes wrong with models, and how two of them compare, in the words of pages."""

from __future__ import annotations

from django.conf import settings

from detector.errors import N_, RoadDamageError
from roaddamage.problems import problem, told
from roaddamage.web.templating import say
from training.model_card import remarks
from training.promotion import Comparison


def told_of(error: RoadDamageError) -> str:
    """An error in the reader's language."""
    return told(problem(error, settings.WORKSPACE.folder), say)


def verdict(found: Comparison) -> tuple[str, list[str]]:
    """Whether the candidate may be put in use, and what speaks for and against it."""
    text = (
        N_("It is better: it may be put in use.")
        if found.promotable
        else N_("It is not better by the rule: it should not be put in use.")
    )
    return say(text), remarks(found, say)
