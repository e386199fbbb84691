"""Keeps ultralytics and what it calls on this machine: no installs, no analytics, no folders of its own choosing.

Call `prepare()` before the first import of ultralytics; what it would do otherwise on import or
use is listed in its documentation under "settings" and "YOLO_AUTOINSTALL".
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile

REPORTING = ("clearml", "comet", "dvc", "mlflow", "raytune", "tensorboard", "wandb")
"""Services that it tells of every training, as soon as their package is installed; some are on the internet."""


def prepare() -> None:
    """Set what ultralytics and its threads read from the environment, unless the user has."""
    settings = _own_folder()
    os.environ.setdefault("YOLO_CONFIG_DIR", settings)
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    os.environ.setdefault("YOLO_OFFLINE", "true")
    os.environ.setdefault("YOLO_VERBOSE", "false")
    os.environ.pop("ULTRALYTICS_API_KEY", None)  # with one it sends trainings to its makers
    # A checkpoint is a pickle: only the known model classes may come out of it.
    os.environ["ULTRALYTICS_SAFE_LOAD"] = "true"
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    no_telemetry()
    from ultralytics import settings as ultralytics_settings

    wanted = {"sync": False, "datasets_dir": settings, **dict.fromkeys(REPORTING, False)}
    if any(ultralytics_settings[name] != value for name, value in wanted.items()):
        ultralytics_settings.update(wanted)
    # It puts itself before Pillow's open, and looks for a package to install at every file that is no picture.
    from ultralytics.utils import patches

    patches._pil_plugins_registered = True


def no_telemetry() -> None:
    """Keep OpenVINO's converter from reporting its use to its makers: it does unless a package can't be imported."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


def talkative() -> list[str]:
    """What could still send or install something, after `prepare()`: none, unless the user wants it so."""
    prepare()
    from ultralytics import settings as ultralytics_settings

    told = [name for name in ("sync", *REPORTING) if ultralytics_settings[name]]
    wanted = {"YOLO_AUTOINSTALL": "false", "YOLO_OFFLINE": "true"}
    return told + [name for name, value in wanted.items() if os.environ[name].lower() != value]


def _own_folder() -> str:
    """A folder that nobody else can write to: what lies in it is read, and with several GPUs unpickled."""
    folder = os.path.join(tempfile.gettempdir(), f"roaddamage-ultralytics-{os.getuid()}")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    found = os.lstat(folder)
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
        os.chmod(folder, 0o700)
        return folder
    return tempfile.mkdtemp(prefix="roaddamage-ultralytics-")
