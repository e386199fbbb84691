"""What docs/deploy starts is there, with the options it is given, and can hold its locks."""

from __future__ import annotations

import json
import re
from configparser import ConfigParser
from pathlib import Path

import pytest
import typer
import yaml

from roaddamage import locks
from roaddamage.cli import app

DEPLOY = Path(__file__).parents[1] / "docs" / "deploy"
UNITS = sorted(path.name for path in DEPLOY.glob("*.service"))


def accepted(words: list[str]) -> None:
    """Whether the command line takes these. Raises click's errors."""
    program, name, *options = words
    assert program.endswith("roaddamage")
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    command.make_context(name, options)


@pytest.mark.parametrize("name", UNITS)
def test_a_unit(name: str, tmp_path: Path) -> None:
    unit = ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(DEPLOY / name)
    service = unit["Service"]
    accepted(service["ExecStart"].split())
    # All else is read-only: without these a worker finds no place for its locks, or another than the others'.
    assert {"/srv/roaddamage", str(locks.PLACE)} <= set(service["ReadWritePaths"].split())
    assert service["PrivateTmp"] == "yes"


def test_what_prometheus_reads() -> None:
    told = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    [rules] = told["rule_files"]
    alerts = yaml.safe_load((DEPLOY / rules).read_text())["groups"][0]["rules"]
    assert all({"alert", "expr", "annotations"} <= rule.keys() for rule in alerts)


def test_the_backup_has_its_timer() -> None:
    timer = ConfigParser(interpolation=None)
    timer.read(DEPLOY / "roaddamage-backup.timer")
    assert timer["Timer"]["OnCalendar"]
    assert "roaddamage-backup.service" in UNITS


def test_containers() -> None:
    commands = re.search(r"^CMD (\[.*\])$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert commands
    accepted(json.loads(commands[1]))
    composed = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = composed["services"]
    assert services.keys() == {"application", "worker", "trainings", "database"}
    for name in ("worker", "trainings"):
        accepted(services[name]["command"])
        assert f"locks:{locks.PLACE}" in services[name]["volumes"]
    assert services["trainings"]["command"][-1] == "--trainings"
    accepted(composed["services"]["worker"]["command"])
    assert {one.split(":")[0] for one in composed["services"]["application"]["volumes"]} <= composed[
        "volumes"
    ].keys()
