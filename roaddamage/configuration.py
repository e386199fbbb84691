"""The configuration: WORKSPACE/settings.toml, with what stands in the environment before it; checked when anything starts."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from detector.errors import N_, RoadDamageError
from roaddamage.identity_provider import EXAMPLE, Oidc

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


def _network(text: str) -> str:
    return str(ip_network(text, strict=False))


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


def _ever_or_a_year(days: int) -> int:
    if 0 < days < 365:
        raise ValueError("the log is kept for 365 days at least; 0 keeps it for ever")
    return days


class Keep(Part):
    """[keep]: for how many days; 0 is for ever."""

    footage_days: Annotated[
        int,
        Field(ge=0, le=36_500, description="footage, from when it was handed in; 0: for ever"),
    ] = 0
    evidence_days: Annotated[
        int,
        Field(
            ge=0,
            le=36_500,
            description="pictures of damages, from when they were rejected or repaired; 0: for ever",
        ),
    ] = 0
    log_days: Annotated[
        int,
        AfterValidator(_ever_or_a_year),
        Field(ge=0, le=36_500, description="the log of who did what, 365 at least; 0: for ever"),
    ] = 0
    uploads_days: Annotated[
        int, Field(ge=1, le=36_500, description="files that never arrived whole, or became part of no drive")
    ] = 14
    exports_days: Annotated[
        int, Field(ge=1, le=36_500, description="files that were made on the page Exports")
    ] = 30


class Webhooks(Part):
    """[webhooks]: what may be told of events."""

    hosts: Annotated[
        list[str],
        Field(description="names inside the network whose addresses look as if they were outside"),
    ] = []


class Metrics(Part):
    """[metrics]: who may read /metrics without a token."""

    hosts: Annotated[
        list[Annotated[str, AfterValidator(_network)]],
        Field(description="addresses or networks that may read /metrics without a token, such as 10.1.2.3"),
    ] = []


class Logs(Part):
    """[logs]: what serve and workers write to standard error."""

    format: Annotated[
        Literal["text", "json"], Field(description="lines for people, or a JSON object a line")
    ] = "text"
    requests: Annotated[bool, Field(description="a line for each request")] = True


class Masking(Part):
    """[masking]: what is covered in pictures besides faces and number plates."""

    people: Annotated[
        str,
        Field(
            description="a YOLO checkpoint with a class person: whole people are covered as well (a path, or a name in the"
            " workspace)"
        ),
    ] = ""

    def people_file(self, folder: Path) -> Path | None:
        """The detector of people, in a workspace; None where none is wanted. Raises OSError where it can't be read."""
        if not self.people:
            return None
        path = folder / self.people
        path.open("rb").close()
        return path


class Configuration(Part):
    """All of it."""

    server: Server = Server()
    keep: Keep = Keep()
    webhooks: Webhooks = Webhooks()
    metrics: Metrics = Metrics()
    logs: Logs = Logs()
    masking: Masking = Masking()
    oidc: Oidc | None = None


VARIABLES = {
    "ROADDAMAGE_HOSTS": ("server", "hosts"), "ROADDAMAGE_HTTPS": ("server", "https"),
    "ROADDAMAGE_TIMEZONE": ("server", "timezone"), "ROADDAMAGE_EXPORT_DAYS": ("keep", "exports_days"),
    "ROADDAMAGE_WEBHOOK_HOSTS": ("webhooks", "hosts"),
    "ROADDAMAGE_METRICS_HOSTS": ("metrics", "hosts"), "ROADDAMAGE_LOG_FORMAT": ("logs", "format"),
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
        made = Configuration.model_validate(told)
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
    _files_are_there(made, folder, path)
    return made


def _files_are_there(made: Configuration, folder: Path, path: Path) -> None:
    """Raises ConfigurationError for a file that is named and can't be read."""
    named: dict[str, Callable[[Path], object]] = {"masking.people": made.masking.people_file}
    if made.oidc:
        named |= {"oidc.client_secret_file": made.oidc.secret, "oidc.ca_file": made.oidc.authority}
    for key, read_file in named.items():
        try:
            read_file(folder)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                N_("{path}: {key} can't be so: {reason}."), path=path, key=key, reason=error
            ) from error


def _value(text: str, part: Any, key: str) -> Any:
    usual = getattr(part, key)
    return [one.strip() for one in text.split(",") if one.strip()] if isinstance(usual, list) else text


def as_toml() -> str:
    """The file as it is without any change, each key with what it is for."""
    lines = []
    for table, whole in Configuration.model_fields.items():
        part, off = (whole.default, "") if whole.default is not None else (EXAMPLE, "# ")
        lines += ["# Only where this is wanted:"] * bool(off) + [f"{off}[{table}]"]
        for key, one in type(part).model_fields.items():
            lines += [f"# {one.description}", f"{off}{key} = {_toml(getattr(part, key))}"]
        lines.append("")
    return "\n".join(lines)


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_toml(name)} = {_toml(one)}' for name, one in value.items())} }}"
    return str(value).lower() if isinstance(value, bool | int) else f'"{value}"'
