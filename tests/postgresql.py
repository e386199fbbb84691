"""A throw-away PostgreSQL server for tests, on a free port, its data in a folder."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Postgres:
    """A server that can be stopped and started; `url` names its database."""

    data: Path
    port: int

    @classmethod
    def made(cls, folder: Path) -> Postgres:
        """A new server, running. It must not belong to root, nor lie below what its owner can't enter."""
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        with socket.socket() as kept:  # so that nobody else is given the port before the server has it
            kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            kept.bind(("127.0.0.1", 0))
            made = cls(folder / "data", kept.getsockname()[1])
            made._run(
                "initdb", "-D", str(made.data), "-U", "roads", "--auth=trust", "-E", "UTF8", "--no-sync"
            )
            made.start()
        return made

    @property
    def url(self) -> str:
        return f"postgresql://roads@127.0.0.1:{self.port}/postgres"

    def fresh(self, name: str) -> str:
        """The address of a new database."""
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "roads", name)
        return f"postgresql://roads@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        # What is written survives the server, not the machine: so much is enough for tests.
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.data} -c fsync=off"
        log = self.data.parent / "log"
        self._run("pg_ctl", "-D", str(self.data), "-w", "-l", str(log), "-o", options, "start")

    def stop(self) -> None:
        """At once, as if the power went."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-m", "immediate", "stop")

    def _run(self, name: str, *args: str) -> None:
        user = "postgres" if os.geteuid() == 0 else None
        home = pwd.getpwnam("postgres").pw_dir if user else str(Path.home())
        found = shutil.which(name) or str(max(Path("/usr/lib/postgresql").glob(f"*/bin/{name}")))
        subprocess.run(
            [found, *args], user=user, cwd="/", env={**os.environ, "HOME": home}, check=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
