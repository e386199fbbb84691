"""CPU time of decoding 1080p30 H.264 against `ffmpeg -f null`, by what is wanted of it.

    python -m benchmarks.decoding [--seconds 20]

`full`: every frame as RGB. `2.5 m`: a frame every 2.5 m at 40 km/h, as the main job takes them.
`key frames`: only those. Clips are ffmpeg's moving test picture with noise, encoded as dashcams do (no
B-frames, a key frame every 15 or 30 frames) and as x264 does by itself; ratios are of CPU seconds,
threads summed. Needs the `ffmpeg` program.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

SPEED_MPS = 40 / 3.6
ENCODINGS = {
    "dashcam, key frame every 15": ("-g", "15", "-bf", "0", "-sc_threshold", "0", "-b:v", "16M"),
    "dashcam, key frame every 30": ("-g", "30", "-bf", "0", "-sc_threshold", "0", "-b:v", "16M"),
    "x264's defaults": ("-crf", "25",),
}  # fmt: skip
STEP_S = {
    "full": 1 / 30,
    "2.5 m at 20 km/h": 2.5 / (SPEED_MPS / 2),
    "2.5 m at 40 km/h": 2.5 / SPEED_MPS,
    "key frames": 0.0,
}
READ = """
import resource, sys
from pathlib import Path
import numpy as np
from detector.video import VideoReader, still_frames
path, seconds, step_s = Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
def cpu_s():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
begin = cpu_s()
if step_s:
    count = sum(1 for _ in VideoReader(path).frames_at(np.arange(0, seconds, step_s)))
else:
    count = sum(1 for _ in still_frames(path, np.arange(0, seconds, 0.2)))
print(count, cpu_s() - begin)
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=20)
    seconds = parser.parse_args().seconds
    if not shutil.which("ffmpeg"):
        sys.exit(
            "this benchmark compares with the ffmpeg program: install it (Debian: apt-get install ffmpeg)"
        )
    print(f"{'clip':30}{'wanted':20}{'frames':>8}{'CPU s':>8}{'of ffmpeg':>11}")
    with tempfile.TemporaryDirectory() as folder:
        for name, options in ENCODINGS.items():
            path = Path(folder) / "clip.mp4"
            _encode(path, seconds, options)
            reference_s = float(np.median([_ffmpeg_cpu_s(path) for _ in range(3)]))
            print(f"{name:30}{'ffmpeg -f null':20}{seconds * 30:8}{reference_s:8.2f}{1.0:11.2f}")
            for label, step_s in STEP_S.items():
                runs = [_read(path, seconds, step_s) for _ in range(3)]
                frames, cpu_s = runs[0][0], float(np.median([run[1] for run in runs]))
                print(f"{'':30}{label:20}{frames:8}{cpu_s:8.2f}{cpu_s / reference_s:11.2f}")


def _encode(path: Path, seconds: int, options: tuple[str, ...]) -> None:
    picture = f"testsrc2=size=1920x1080:rate=30:duration={seconds},noise=alls=12:allf=t"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", picture, "-pix_fmt", "yuv420p"]
    subprocess.run([*command, "-c:v", "libx264", "-preset", "veryfast", *options, str(path)], check=True)


def _ffmpeg_cpu_s(path: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-f", "null", "-"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _read(path: Path, seconds: int, step_s: float) -> tuple[int, float]:
    command = [sys.executable, "-c", READ, str(path), str(seconds), str(step_s)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    count, cpu_s = done.stdout.split()
    return int(count), float(cpu_s)


if __name__ == "__main__":
    main()
