"""The configuration: WORKSPACE/settings.toml, with what stands in the environment before it; checked when anything starts."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from detector.errors import N_, RoadDamageError

FILE = "settings.toml"


class ConfigurationError(RoadDamageError):
    """Settings that can't be used: names the file (or the variable), the key, and why."""

    exit_code = 2


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"no time zone: {name}") from error
    return name


class Part(BaseModel):
    """A table of the file: what it does not know is refused, so that a mistyped key is found."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Server(Part):
    """[server]: how it is reached, and where it stands."""

    hosts: Annotated[
        list[str],
        Field(min_length=1, description="names and addresses by which browsers reach the server"),
    ] = ["localhost", "127.0.0.1", "[::1]"]
    https: Annotated[
        bool, Field(description="reached by https, through a proxy: cookies are for https alone")
    ] = False
    timezone: Annotated[str, AfterValidator(_zone), Field(description="the municipality's time zone")] = (
        "Asia/Tokyo"
    )


class Keep(Part):
    """[keep]: for how many days."""

    exports_days: Annotated[
        int, Field(ge=1, le=36_500, description="files that were made on the page Exports")
    ] = 30


class Webhooks(Part):
    """[webhooks]: what may be told of events."""

    hosts: Annotated[
        list[str],
        Field(description="names inside the network whose addresses look as if they were outside"),
    ] = []


class Configuration(Part):
    """All of it."""

    server: Server = Server()
    keep: Keep = Keep()
    webhooks: Webhooks = Webhooks()


VARIABLES = {
    "ROADDAMAGE_HOSTS": ("server", "hosts"), "ROADDAMAGE_HTTPS": ("server", "https"),
    "ROADDAMAGE_TIMEZONE": ("server", "timezone"), "ROADDAMAGE_EXPORT_DAYS": ("keep", "exports_days"),
    "ROADDAMAGE_WEBHOOK_HOSTS": ("webhooks", "hosts"),
}  # fmt: skip
"""Environment variables that stand before a key of the file; lists are comma-separated."""


def read(folder: Path, environment: Mapping[str, str] = os.environ) -> Configuration:
    """The configuration of a workspace; without a file, what is usual. Raises ConfigurationError."""
    path = folder / FILE
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        told = {}
    except (OSError, ValueError) as error:  # TOML that is none, or no UTF-8
        raise ConfigurationError(N_("{path} can't be read: {reason}."), path=path, reason=error) from error
    for variable, (table, key) in VARIABLES.items():
        if variable in environment:
            part = told.setdefault(table, {})
            if isinstance(part, dict):
                part[key] = _value(environment[variable], Configuration.model_fields[table].default, key)
    try:
        return Configuration.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        place = tuple(map(str, first["loc"]))
        variable = next(
            (name for name, key in VARIABLES.items() if key == place[:2] and name in environment), ""
        )
        raise ConfigurationError(
            N_("{path}: {key} can't be so: {reason}."),
            path=variable or path,
            key=".".join(place),
            reason=first["msg"],
        ) from error


def _value(text: str, part: Any, key: str) -> Any:
    usual = getattr(part, key)
    return [one.strip() for one in text.split(",") if one.strip()] if isinstance(usual, list) else text


def as_toml() -> str:
    """The file as it is without any change, each key with what it is for."""
    lines = []
    for table, whole in Configuration.model_fields.items():
        lines.append(f"[{table}]")
        for key, one in type(whole.default).model_fields.items():
            lines += [f"# {one.description}", f"{key} = {_toml(one.default)}"]
        lines.append("")
    return "\n".join(lines)


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return str(value).lower() if isinstance(value, bool | int) else f'"{value}"'
