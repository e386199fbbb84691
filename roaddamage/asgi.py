"""The application as one ASGI process: Django's pages, and uploads beside them."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "roaddamage.settings")

from django.core.asgi import get_asgi_application

pages: Any = get_asgi_application()

from roaddamage.web import bodies, upkeep, uploads  # noqa: E402  (needs Django to be set up)
from roaddamage.web.admission import PREFIX  # noqa: E402


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer a request, or start and end with the server."""
    if scope["type"] == "lifespan":
        await upkeep.lifespan(receive, send)
    elif scope["type"] == "http" and (scope["path"] + "/").startswith(f"{PREFIX}/"):
        await uploads.serve(scope, receive, send)
    else:
        await bodies.bounded(pages, scope, receive, send)
