"""The workspace: one folder that holds all that a municipality's installation knows."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = "ROADDAMAGE_WORKSPACE"


@dataclass(frozen=True)
class Workspace:
    """Where things lie: records, footage as it came, evidence pictures, models, base map, roads."""

    folder: Path

    @property
    def records(self) -> Path:
        """The database, where no DATABASE_URL names another."""
        return self.folder / "records.sqlite3"

    @property
    def uploads(self) -> Path:
        """Files that are still on their way."""
        return self.folder / "uploads"

    @property
    def footage(self) -> Path:
        """A folder for each drive, with its files as they came."""
        return self.folder / "footage"

    @property
    def evidence(self) -> Path:
        """A folder for each drive, with the pictures of its sightings."""
        return self.folder / "evidence"

    @property
    def frames(self) -> Path:
        """The pictures that people labelled, for training; they stay when evidence goes."""
        return self.folder / "frames"

    @property
    def photos(self) -> Path:
        """What repair crews took."""
        return self.folder / "photos"

    @property
    def exports(self) -> Path:
        """A folder for each export that was made from a page."""
        return self.folder / "exports"

    @property
    def datasets(self) -> Path:
        """A folder for each dataset that trainings may begin with."""
        return self.folder / "datasets"

    @property
    def trainings(self) -> Path:
        """A folder for each training: its data, its run, and how it compares."""
        return self.folder / "trainings"

    @property
    def is_made(self) -> bool:
        """Whether there is one."""
        return self._key.is_file()

    @property
    def basemap(self) -> Path:
        """The base map, where there is one (`roaddamage basemap build --out`)."""
        return self.folder / "basemap" / "basemap.pmtiles"

    @property
    def roads(self) -> Path:
        """The municipality's roads as they were read (`roaddamage roads`)."""
        return self.folder / "roads"

    @property
    def starting(self) -> Path:
        """A lock by which programs that start together take turns with the records' tables."""
        return self.folder / "starting.lock"

    def make(self) -> None:
        """Make what is not there yet; readable by its owner alone. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.uploads, self.footage, self.evidence, self.frames, self.photos):
            folder.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileExistsError):
            descriptor = os.open(self._key, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(50))

    def secret_key(self) -> str:
        """The key that signs sessions, kept in the workspace; before that is made, one of this process alone."""
        return self._key.read_text() if self._key.is_file() else secrets.token_urlsafe(50)

    @property
    def _key(self) -> Path:
        return self.folder / "secret-key"


def workspace_in_use() -> Workspace:
    """The workspace that this process was started for."""
    return Workspace(Path(os.environ.get(ENVIRONMENT, "workspace")).absolute())
