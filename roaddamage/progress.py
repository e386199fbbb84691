"""Progress of a job on the terminal: frames a second, metres, time left. To standard error."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from detector.drive import Drive
from detector.errors import N_, Translate
from detector.footage import Refused
from detector.pipeline import DriveResult, Source
from detector.pipeline import Progress as Moved
from roaddamage.detect import Watcher
from roaddamage.doubts import clock_doubts


class Terminal(Watcher):
    """A bar for the drive that runs, and a line for each that is done or refused."""

    def __init__(self, console: Console, translate: Translate, *, quiet: bool) -> None:
        self.console, self.translate = console, translate
        self.quiet = quiet
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[speed]}"),
            TextColumn("{task.fields[metres]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            disable=quiet,
        )
        self.task: TaskID | None = None

    def __enter__(self) -> Terminal:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def drive_begins(self, drive: Drive) -> None:
        self.task = self.bar.add_task(escape(drive.name), total=None, speed="", metres="")

    def drive_moves(self, progress: Moved) -> None:
        if self.task is None:
            return
        speed = progress.frames / max(progress.seconds, 1e-3)
        self.bar.update(
            self.task,
            total=max(progress.metres_total, 1.0),
            completed=progress.metres,
            speed=self.translate(N_("{count} frames/s")).format(count=f"{speed:.1f}"),
            metres=f"{progress.metres:,.0f} / {progress.metres_total:,.0f} m",
        )

    def drive_ends(self, result: DriveResult) -> None:
        self._done()
        text = self.translate(N_("{drive}: {metres} m, frames: {frames}, sightings: {sightings}"))
        self._say(
            text.format(
                drive=result.drive.name,
                metres=f"{result.metres:,.0f}",
                frames=result.meter.frames_judged,
                sightings=len(result.sightings),
            )
        )
        for doubt in self._doubts(result):
            self._say(f"  {doubt}")

    def drive_refused(self, refused: Refused) -> None:
        self._done()
        self.console.print(refused.message(self.translate), markup=False, style="red")

    def _doubts(self, result: DriveResult) -> list[str]:
        _ = self.translate
        doubts = [fault.message(_) for fault in result.drive.faults]
        doubts.extend(clock_doubts(result.fixes, _))
        if result.coverage.metres:
            doubts.append(
                _(N_("{metres} m could not be judged: {reasons}")).format(
                    metres=f"{sum(result.coverage.metres.values()):,.0f}",
                    reasons=", ".join(
                        f"{_(reason)} {metres:,.0f} m" for reason, metres in result.coverage.metres.items()
                    ),
                )
            )
        if result.located_share < 0.98:
            share = f"{result.located_share:.0%}"
            doubts.append(
                _(N_("positions are known for {share} of it; the rest is left out")).format(share=share)
            )
        if result.source is Source.default:
            doubts.append(
                _(
                    N_(
                        "neither lane lines nor the road's motion show how the camera hangs: positions and"
                        " sizes are rough (give --camera-height and --horizon)"
                    )
                )
            )
        return doubts

    def _done(self) -> None:
        if self.task is not None:
            self.bar.remove_task(self.task)
            self.task = None

    def _say(self, text: str) -> None:
        if not self.quiet:
            self.console.print(text, markup=False, highlight=False)
