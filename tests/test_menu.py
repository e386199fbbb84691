"""The menu marks where a page belongs, and texts show their days as the language writes them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.utils import translation

from roaddamage.web.menu import current
from roaddamage.web.templating import dated

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


@pytest.mark.parametrize(
    ("path", "entry", "mark"),
    [
        ("/survey/", "survey", "page"),
        ("/survey/change/", "survey", "true"),
        ("/survey/exports/", "survey", "true"),
        ("/damages/7/", "damages", "true"),
        ("/stops/7/", "work_lists", "true"),
        ("/webhooks/", "people", "true"),
        ("/retention/", "people", "true"),
        ("/figures/", "survey", ""),
    ],
)
def test_the_entry_of_a_page(path: str, entry: str, mark: str) -> None:
    assert current(RequestFactory().get(path), entry) == mark


def test_one_entry_is_marked_on_a_page_below_it(client: Client, people: dict[str, Any]) -> None:
    client.force_login(people["engineer"])
    page = client.get("/survey/exports/").content.decode().partition("</header>")[0]
    assert page.count("aria-current") == 1
    assert '<a href="/survey/" aria-current="true">' in page


def test_the_pages_of_administration_lead_to_one_another(client: Client, people: dict[str, Any]) -> None:
    client.force_login(people["administrator"])
    page = client.get("/health/").content.decode()
    below = page.partition('<nav class="below"')[2].partition("</nav>")[0]
    assert below.count("<a ") == 9
    assert '<a href="/health/" aria-current="page">' in below
    assert '<nav class="below"' not in client.get("/damages/").content.decode()
    client.force_login(people["engineer"])
    assert '<nav class="below"' not in client.get("/tokens/").content.decode()


@pytest.mark.parametrize(
    ("language", "text", "told"),
    [
        ("ja", "2024-05-14から2024-06-01まで", "2024/05/14から2024/06/01まで"),
        ("en", "from 2024-05-14", "from 2024-05-14"),
        ("ja", "2024-13-40", "2024-13-40"),
        ("ja", "99-2024-05-14", "99-2024-05-14"),
    ],
)
def test_days_within_texts(language: str, text: str, told: str) -> None:
    with translation.override(language):
        assert dated(text) == told
