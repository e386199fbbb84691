"""The configuration: a file that is checked, and the environment before it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from roaddamage.configuration import FILE, Configuration, ConfigurationError, as_toml, read


def test_without_a_file_it_is_as_usual(tmp_path: Path) -> None:
    assert read(tmp_path, {}) == Configuration()
    assert Configuration.model_validate(tomllib.loads(as_toml())) == Configuration()


def test_the_environment_stands_before_the_file(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('[server]\nhosts = ["a"]\nhttps = true\n[keep]\nexports_days = 90\n')
    told = read(tmp_path, {"ROADDAMAGE_HOSTS": "b.example, c.example", "ROADDAMAGE_WEBHOOK_HOSTS": ""})
    assert told.server.hosts == ["b.example", "c.example"]
    assert (told.server.https, told.keep.exports_days, told.webhooks.hosts) == (True, 90, [])


@pytest.mark.parametrize(
    ("text", "environment", "said"),
    [
        ("[server\n", {}, FILE),
        (b"\xff\xfe", {}, FILE),
        ("[server]\nhost = 1\n", {}, "server.host "),
        ("[keep]\nexports_days = 0\n", {}, "keep.exports_days"),
        ("[keep]\nexports_days = 'soon'\n", {}, "keep.exports_days"),
        ("server = 1\n", {"ROADDAMAGE_HOSTS": "a"}, "server"),
        ("[server]\ntimezone = 'Mars/Base'\n", {}, "Mars/Base"),
        ("", {"ROADDAMAGE_TIMEZONE": "../etc"}, "ROADDAMAGE_TIMEZONE"),
        ("", {"ROADDAMAGE_HTTPS": "perhaps"}, "ROADDAMAGE_HTTPS"),
        ("", {"ROADDAMAGE_HOSTS": ""}, "ROADDAMAGE_HOSTS"),
        ("[extra]\n", {}, "extra"),
        ("[keep]\nlog_days = 30\n", {}, "keep.log_days"),
        ("[keep]\nfootage_days = -1\n", {}, "keep.footage_days"),
        ("[metrics]\nhosts = ['prometheus']\n", {}, "metrics.hosts"),
        ("[logs]\nformat = 'xml'\n", {}, "logs.format"),
    ],
)
def test_what_can_not_be_is_told(
    text: str | bytes, environment: dict[str, str], said: str, tmp_path: Path
) -> None:
    (tmp_path / FILE).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigurationError) as error:
        read(tmp_path, environment)
    assert said in error.value.message(str)
