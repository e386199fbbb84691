"""Uploads against the application as it is served: cut off, gone on with, refused."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
from apart import apart
from conftest import free_port, serve_command, until, until_served
from staff import staffed


@dataclass
class Server:
    """The application, and who asks it."""

    folder: Path
    port: int

    def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=180)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        told = (
            answer.status,
            {name.lower(): value for name, value in answer.getheaders()},
            answer.read().decode(),
        )
        connection.close()
        return told

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def log_in(self, name: str) -> dict[str, str]:
        """Headers of a user who is logged in, with the token for forms."""
        _, headers, page = self.ask("GET", "/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token
        cookie = _cookie(headers)
        form = {"username": name, "password": f"a-secret-of-{name}", "csrfmiddlewaretoken": token[1]}
        told = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded", "Origin": self.origin}
        status, headers, _ = self.ask("POST", "/login/", told, urlencode(form).encode())
        assert status == 302
        session = re.search(r"sessionid=([^;]+)", headers["set-cookie"])
        csrf = re.search(r"csrftoken=([^;]+)", headers["set-cookie"]) or re.search(
            r"csrftoken=([^;]+)", cookie
        )
        assert session
        assert csrf
        return {
            "Cookie": f"sessionid={session[1]}; csrftoken={csrf[1]}",
            "X-CSRFToken": csrf[1],
            "Origin": self.origin,
        }

    def batch(self, who: dict[str, str]) -> str:
        status, _, text = self.ask("POST", "/upload/new/", who, b"")
        assert status == 200
        return str(json.loads(text)["batch"])

    def begin(
        self, who: dict[str, str], batch: str, name: str, size: int, **more: str
    ) -> tuple[int, str, str]:
        metadata = {"filename": name.rpartition("/")[2], "relativePath": name, "batch": batch}
        pairs = ",".join(
            f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items()
        )
        headers = (
            who | {"Tus-Resumable": "1.0.0", "Upload-Length": str(size), "Upload-Metadata": pairs} | more
        )
        status, told, text = self.ask("POST", "/files", headers)
        return status, told.get("location", ""), text

    def patch(
        self, who: dict[str, str], place: str, offset: int, data: bytes
    ) -> tuple[int, dict[str, str], str]:
        return self.ask("PATCH", place, self.patching(who, offset), data)

    def patching(self, who: dict[str, str], offset: int) -> dict[str, str]:
        kind = "application/offset+octet-stream"
        return who | {"Tus-Resumable": "1.0.0", "Upload-Offset": str(offset), "Content-Type": kind}

    def cut(self, who: dict[str, str], place: str, offset: int, data: bytes, after: int) -> None:
        """Send so many bytes of a request, then lose the connection."""
        lines = [f"PATCH {place} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Content-Length: {len(data)}"]
        lines += [f"{name}: {value}" for name, value in self.patching(who, offset).items()]
        with socket.create_connection(("127.0.0.1", self.port)) as line:
            line.sendall("\r\n".join([*lines, "", ""]).encode() + data[:after])
            self.written(place)

    def written(self, place: str) -> None:
        """Wait until something of an upload is kept."""
        file = self.folder / "uploads" / place[7:]
        until(lambda: file.is_file() and file.stat().st_size, "bytes of an upload")

    def offset(self, who: dict[str, str], place: str) -> int:
        status, headers, _ = self.ask("HEAD", place, who | {"Tus-Resumable": "1.0.0"})
        assert status == 200
        return int(headers["upload-offset"])


def _cookie(headers: dict[str, str]) -> str:
    found = re.search(r"csrftoken=([^;]+)", headers["set-cookie"])
    assert found
    return f"csrftoken={found[1]}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served") / "workspace"
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    staff = {"one": "crew", "two": "crew", "learner": "ml"}
    assert apart(staffed, folder, "a-secret-of-", staff).returncode == 0
    with free_port() as port:
        command = serve_command(folder, port, "--workers", "0")
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        try:
            until_served(port, process)
            yield Server(folder, port)
        finally:
            process.terminate()
            process.wait(300)


def test_an_upload_that_is_cut_goes_on_and_arrives_as_it_was(server: Server) -> None:
    who, data = server.log_in("one"), os.urandom(3_000_000)
    batch = server.batch(who)
    status, place, _ = server.begin(who, batch, "DCIM/100/朝 'drive'.mp4", len(data))
    assert (status, place[:7]) == (201, "/files/")
    server.cut(who, place, 0, data, 1_300_000)
    there = server.offset(who, place)
    assert 0 < there <= 1_300_000
    assert server.patch(who, place, there + 1, data[there + 1 :])[0] == 409
    assert server.patch(who, place, there, data[there:])[0] == 204
    kept = server.folder / "footage" / batch / "DCIM" / "100" / "朝 'drive'.mp4"
    assert hashlib.sha256(kept.read_bytes()).digest() == hashlib.sha256(data).digest()
    assert server.offset(who, place) == len(data)
    assert server.patch(who, place, len(data), b"")[0] == 204
    assert not list((server.folder / "uploads").glob(f"{place[7:]}*"))


def test_what_a_killed_server_wrote_without_noting_it_is_cut_off(server: Server) -> None:
    who, data = server.log_in("one"), os.urandom(500_000)
    batch = server.batch(who)
    _, place, _ = server.begin(who, batch, "a.mp4", len(data))
    server.cut(who, place, 0, data, 200_000)
    there = server.offset(who, place)
    with (server.folder / "uploads" / place[7:]).open("ab") as file:
        file.write(b"half a block")
    assert server.offset(who, place) == there
    assert server.patch(who, place, there, data[there:])[0] == 204
    assert (server.folder / "footage" / batch / "a.mp4").read_bytes() == data


def test_a_forgotten_request_gives_way_to_a_new_one(server: Server) -> None:
    who, data = server.log_in("one"), os.urandom(400_000)
    _, place, _ = server.begin(who, server.batch(who), "b.mp4", len(data))
    headers = "".join(f"{name}: {value}\r\n" for name, value in server.patching(who, 0).items())
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        head = f"PATCH {place} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: {len(data)}\r\n{headers}\r\n"
        line.sendall(head.encode() + data[:100_000])
        server.written(place)
        there = server.offset(who, place)  # the first one is still open
        assert server.patch(who, place, there, data[there:])[0] == 204


def test_several_at_once_arrive_each_in_its_place(server: Server) -> None:
    from concurrent.futures import ThreadPoolExecutor

    who = server.log_in("one")
    batch = server.batch(who)
    files = {f"card/{number:03d}.jpg": os.urandom(20_000) for number in range(60)}

    def send(name: str) -> int:
        _, place, _ = server.begin(who, batch, name, len(files[name]))
        return server.patch(who, place, 0, files[name])[0]

    with ThreadPoolExecutor(12) as threads:
        assert set(threads.map(send, files)) == {204}
    assert all(
        (server.folder / "footage" / batch / name).read_bytes() == data for name, data in files.items()
    )


@pytest.mark.parametrize(
    ("name", "size", "more", "status", "part"),
    [
        pytest.param("virus.exe", 10, {}, 400, "virus.exe", id="wrong type"),
        pytest.param("card.zip", 10, {}, 400, "card.zip", id="zip"),
        pytest.param("a.mp4", 0, {}, 400, "0", id="empty"),
        pytest.param("...", 10, {}, 400, "", id="no name"),
        pytest.param("a.mp4", 2**39, {}, 507, "GB", id="no room"),
        pytest.param("a.mp4", 2**60, {}, 413, "a.mp4", id="too large"),
        pytest.param("a.mp4", -1, {}, 400, "", id="negative"),
        pytest.param("a.mp4", 10, {"Upload-Concat": "partial"}, 400, "", id="concatenation"),
        pytest.param("a.mp4", 10, {"Origin": "http://elsewhere.example"}, 403, "", id="another site's page"),
        pytest.param("a.mp4", 10, {"Origin": ""}, 403, "", id="no page"),
        pytest.param("a.mp4", 10, {"Host": "elsewhere.example"}, 400, "", id="another name"),
        pytest.param(
            "a.mp4", 10, {"X-HTTP-Method-Override": "DELETE"}, 201, "", id="method override is not heard"
        ),
        pytest.param("a.mp4", 10, {"Cookie": ""}, 401, "", id="nobody"),
        pytest.param("a.mp4", 10, {"Cookie": "sessionid=made-up"}, 401, "", id="a made-up cookie"),
    ],
)
def test_what_is_not_taken(
    server: Server, name: str, size: int, more: dict[str, str], status: int, part: str
) -> None:
    who = server.log_in("one")
    answered, _, text = server.begin(who, server.batch(who), name, size, **more)
    assert answered == status
    assert part in text
    assert status == 201 or text


@pytest.mark.parametrize(
    ("offset", "size", "more", "status"),
    [
        pytest.param(0, 11, {}, 413, id="longer than declared"),
        pytest.param(6, 5, {}, 413, id="past the end"),
        pytest.param(0, 0, {"Content-Length": "99999999999"}, 413, id="said to be endless"),
        pytest.param(0, 0, {"Transfer-Encoding": "chunked"}, 411, id="does not say"),
        pytest.param(0, 10, {}, 204, id="as declared"),
    ],
)
def test_no_more_is_written_than_was_declared(
    server: Server, offset: int, size: int, more: dict[str, str], status: int
) -> None:
    who = server.log_in("one")
    batch = server.batch(who)
    _, place, _ = server.begin(who, batch, "a.gpx", 10)
    headers = server.patching(who, offset) | more
    assert server.ask("PATCH", place, headers, b"x" * size if size else None)[0] == status
    assert server.offset(who, place) == (10 if status == 204 else 0)


def test_pages_take_no_endless_body(server: Server) -> None:
    for path in ("/login/", "/drives/1/log/", "/nowhere/"):
        told = server.ask("POST", path, {"Content-Length": "99999999999", "Cookie": "language=en"})
        assert told[0] == 413
        assert "Too much was sent at once" in told[2]


def test_names_never_lead_out_of_their_batch(server: Server) -> None:
    who = server.log_in("one")
    batch = server.batch(who)
    for name in ("../../../evil.mp4", "/etc/evil.mp4", "..\\..\\evil.mp4", "C:\\evil.mp4"):
        _, place, _ = server.begin(who, batch, name, 4)
        assert server.patch(who, place, 0, b"evil")[0] == 204
    found = list(server.folder.parent.rglob("evil.mp4"))
    assert found
    assert all(path.is_relative_to(server.folder / "footage" / batch) for path in found)


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
def test_nobody_touches_anothers_upload(server: Server, method: str) -> None:
    one, two, learner = (server.log_in(name) for name in ("one", "two", "learner"))
    batch = server.batch(one)
    _, place, _ = server.begin(one, batch, "mine.mp4", 4)
    for who, status in ((two, 404), (learner, 403), ({"Origin": server.origin}, 401)):
        body = b"evil" if method == "PATCH" else None
        assert server.ask(method, place, server.patching(who, 0), body)[0] == status
    assert server.begin(two, batch, "theirs.mp4", 4)[0] == 404
    assert server.offset(one, place) == 0
    assert server.ask("DELETE", place, one | {"Tus-Resumable": "1.0.0"})[0] == 204
    assert server.ask("HEAD", place, one | {"Tus-Resumable": "1.0.0"})[0] == 404
