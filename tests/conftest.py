"""Fixtures: footage written by our own code with the truth known, and the browser."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import gpxpy.gpx
import numpy as np
import pytest
from kept import MASKS, found_once, once, shared_folder
from made_videos import write_video
from numpy.typing import NDArray

from datasets.sample_drive import write_sample_drive
from detector import masking
from roaddamage.workspace import Workspace

# Playwright keeps an event loop in the tests' own thread, in which Django would refuse to use the database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
if "PYTEST_XDIST_WORKER" in os.environ:  # there are as many of these as cores: torch takes one in each
    os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(__file__).parents[2] / "shared"
PATIENCE_S = 180.0
"""How long tests wait for what should come soon."""
BEGIN = datetime(2024, 5, 14, 1, 30, tzinfo=UTC)


def needs_shared(path: str) -> pytest.MarkDecorator:
    """Skip where the real footage is not beside the checkout."""
    there = (SHARED / path).exists()
    return pytest.mark.skipif(not there, reason=f"real footage {path} is not beside the checkout")


def until(true: Callable[[], object], what: str, seconds: float = PATIENCE_S) -> None:
    """Wait for something, however slow the machine; `what` is said where it does not come."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"it never came: {what}"
        time.sleep(0.05)


@contextmanager
def free_port() -> Iterator[int]:
    """A port that nobody else is given before a server of ours listens there, who may while inside."""
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        yield int(kept.getsockname()[1])


def serve_command(folder: Path, port: int, *more: str) -> list[str]:
    """What starts a server of ours for a workspace."""
    start = [sys.executable, "-m", "roaddamage", "serve"]
    return [*start, "--workspace", str(folder), "--port", str(port), *more]


def until_served(port: int, process: subprocess.Popen[Any]) -> None:
    """Wait for a server of ours."""

    def answers() -> bool:
        assert process.poll() is None, "the server ended"
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        return False

    until(answers, f"a server on port {port}")


def frame_number(image: NDArray[np.uint8]) -> int:
    """What `write_video` wrote into a frame's blocks."""
    return sum(int(image[10:30, bit * 40 + 10 : bit * 40 + 30].mean() > 127) << bit for bit in range(8))


def write_gpx(path: Path, seconds: int, *, begin: datetime = BEGIN, speed_mps: float = 10.0) -> Path:
    """Due north from (35.65 N, 139.75 E) at a steady speed, a fix a second."""
    document, track = gpxpy.gpx.GPX(), gpxpy.gpx.GPXTrack()
    segment = gpxpy.gpx.GPXTrackSegment()
    for second in range(seconds + 1):
        lat = 35.65 + second * speed_mps / 110_950
        moment = begin + timedelta(seconds=second)
        segment.points.append(gpxpy.gpx.GPXTrackPoint(lat, 139.75, time=moment))
    track.segments.append(segment)
    document.tracks.append(track)
    path.write_text(document.to_xml())
    return path


def write_frames(path: Path, images: Iterable[NDArray[np.uint8]], rate: int) -> Path:
    """A video of these pictures (H, W, 3) RGB."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.options = {"preset": "ultrafast", "crf": "20"}
        stream.pix_fmt = "yuv420p"
        for image in images:
            if not stream.codec_context.is_open:
                stream.height, stream.width = image.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def rendered(factory: pytest.TempPathFactory, seconds: float) -> Path:
    """The video of the built-in sample drive's first seconds."""
    folder = once(factory, f"sample-{seconds:.0f}", lambda made: write_sample_drive(made, seconds))
    return folder / "sample.mp4"


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in sample drive, as far as it goes: its video. It is all tests'."""
    return rendered(tmp_path_factory, 30.0)


@pytest.fixture(scope="session")
def brief_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first eight seconds of it: half a dozen damages and more."""
    return rendered(tmp_path_factory, 8.0)


@pytest.fixture(scope="session")
def short_drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds at 10 m/s with a log beside it; quick, and without damage."""
    folder = tmp_path_factory.mktemp("short")
    write_gpx(folder / "short.gpx", 4)
    return write_video(folder / "short.mp4", np.arange(120) / 30, begin=BEGIN)


@pytest.fixture(scope="session")
def first_run(brief_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drive's run by a worker: a workspace in which it waits (`waiting`), one after it (`workspace`), `told.json`.

    What the detector told in it others take (`bad_day.replayed`).
    """
    import bad_day
    from apart import apart
    from command import as_command

    def fill(folder: Path) -> None:
        done = apart(as_command, "add", brief_sample.parent, "--workspace", folder / "waiting")
        assert done.returncode == 0, done.stderr
        shutil.copytree(folder / "waiting", folder / "workspace")
        done = apart(bad_day.day, folder / "workspace", "none", folder)
        assert done.returncode == 0, done.stderr
        (folder / "told.json").write_text(done.stdout)

    return once(tmp_path_factory, "first-run", fill)


class Patient:
    """A browser whose pages wait for as long as a busy machine takes."""

    def __init__(self, chromium: Any) -> None:
        self._chromium = chromium

    def new_context(self, **options: Any) -> Any:
        made = self._chromium.new_context(**options)
        made.set_default_timeout(PATIENCE_S * 1000)
        return made

    def new_page(self, **options: Any) -> Any:
        made = self._chromium.new_page(**options)
        made.set_default_timeout(PATIENCE_S * 1000)
        return made


@pytest.fixture(scope="session")
def browser() -> Iterator[Patient]:
    """Headless Chromium of the system."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    assert path, "no Chromium found: run scripts/install-test-system"
    quiet = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
    quiet += " --disable-background-networking --disable-component-update --disable-sync"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=quiet.split())
        yield Patient(chromium)
        chromium.close()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    tmp_path_factory: pytest.TempPathFactory, django_db_modify_db_settings_parallel_suffix: None
) -> None:
    """SQLite in a file, as it is in use: in memory all threads of a live server would share one connection."""
    from django.db import connection

    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = str(tmp_path_factory.mktemp("records") / "records.sqlite3")


@pytest.fixture(scope="session", autouse=True)
def masks_kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What masking finds in a picture is looked for once: it takes a third of a second of a core, and many tests drive the same way.

    It is so in processes apart too (`apart`), not in those of a command line or a server.
    """
    folder = shared_folder(tmp_path_factory) / "masks"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(MASKS, str(folder))
        patched.setattr(masking.Masker, "find", found_once(folder, masking.Masker.find))
        yield


@pytest.fixture
def real_masking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Masking looks at each picture anew, for the tests of itself."""
    monkeypatch.setattr(masking.Masker, "find", masking.Masker.find.__wrapped__)  # type: ignore[attr-defined]
    monkeypatch.delenv(MASKS)


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Passwords cost nothing; argon2 takes a tenth of a second and 100 MB for each user."""
    from django.conf import settings
    from django.test import override_settings

    quick = "django.contrib.auth.hashers.MD5PasswordHasher"
    with override_settings(PASSWORD_HASHERS=[quick, *settings.PASSWORD_HASHERS]):
        yield


@pytest.fixture
def workspace(tmp_path: Path, settings: Any) -> Workspace:
    """An empty workspace, in use."""
    made = Workspace(tmp_path / "workspace")
    made.make()
    settings.WORKSPACE = made
    return made


@pytest.fixture
def people(db: None) -> dict[str, Any]:
    """A user of each group, by its name, and `nobody` who is in none."""
    from django.contrib.auth.models import Group, User

    from roaddamage.web.access import ADMINISTRATOR, GROUPS

    made = {}
    for name in (*GROUPS, "nobody"):
        user = User.objects.create_user(name, password=f"{name}-secret-1", is_staff=name == ADMINISTRATOR)
        user.is_superuser = name == ADMINISTRATOR
        user.save()
        if name in GROUPS:
            user.groups.add(Group.objects.get_or_create(name=name)[0])
        made[name] = user
    return made
