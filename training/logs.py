"""A training's course for TensorBoard and MLflow, on this machine: optional, and nothing leaves it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from detector.errors import N_, RoadDamageError

LOGS = ("tensorboard", "mlflow")


class LogError(RoadDamageError):
    """A log that can't be kept."""

    exit_code = 2


def scalars(trainer: Any) -> dict[str, float]:
    """What ultralytics' trainer knows at the end of an epoch: losses, the figures on val, learning rates."""
    losses = trainer.label_loss_items(trainer.tloss, prefix="train")
    told = {**losses, **trainer.metrics, **trainer.lr}
    return {name.replace("(B)", ""): float(value) for name, value in told.items()}


@dataclass
class TensorBoard:
    """Event files in `folder`, for `tensorboard --logdir`."""

    folder: Path
    _writer: Any = field(default=None, init=False)

    def __call__(self, trainer: Any) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        if self._writer is None:  # not before: a training on several GPUs takes this to another process
            self._writer = SummaryWriter(str(self.folder))
        for name, value in scalars(trainer).items():
            self._writer.add_scalar(name, value, trainer.epoch + 1)
        self._writer.flush()

    def finished(self, trainer: Any) -> None:
        self._writer.close()


@dataclass
class MLflow:
    """A run of MLflow's, in `folder` unless MLFLOW_TRACKING_URI names a server; a resumed training goes on with it."""

    folder: Path
    settings: dict[str, Any]

    def __call__(self, trainer: Any) -> None:
        client, kept = self._client(), self.folder / "mlflow-run.txt"
        if not kept.exists():
            kept.write_text(self._begun(client), encoding="utf-8")
        run = kept.read_text(encoding="utf-8")
        for name, value in scalars(trainer).items():
            client.log_metric(run, name, value, step=trainer.epoch + 1)

    def finished(self, trainer: Any) -> None:
        self._client().set_terminated((self.folder / "mlflow-run.txt").read_text(encoding="utf-8"))

    def _client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self.folder}/mlflow.db")

    def _begun(self, client: Any) -> str:
        """A new run's id, with its settings."""
        name = "roaddamage"
        experiment = client.get_experiment_by_name(name)
        number = experiment.experiment_id if experiment else client.create_experiment(name)
        run = str(client.create_run(number, run_name=self.folder.name).info.run_id)
        for key, value in self.settings.items():
            client.log_param(run, key, value)
        return run


def loggers(names: tuple[str, ...], folder: Path, settings: dict[str, Any]) -> list[TensorBoard | MLflow]:
    """Logs to call at the end of each epoch, and whose `finished` at the end.

    The point after the last epoch is the best one's, scored once more. Raises LogError for a log that is unknown or not installed.
    """
    from importlib.util import find_spec

    for name in names:
        if name not in LOGS:
            raise LogError(
                N_("{name} is no log that is known; one of {known} is."), name=name, known=", ".join(LOGS)
            )
        if find_spec(name) is None:
            raise LogError(
                N_(
                    'The log {name} needs a package that is not installed (pip install "roaddamage[{name}]").'
                ),
                name=name,
            )
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    every: dict[str, TensorBoard | MLflow] = {
        "tensorboard": TensorBoard(folder / "tensorboard"),
        "mlflow": MLflow(folder, settings),
    }
    return [every[name] for name in dict.fromkeys(names)]
