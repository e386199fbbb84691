"""Fuzz the telemetry readers: whatever the bytes, no crash, no hang, no memory beyond the file's size.

    pip install atheris
    python -m fuzz.telemetry gpmf -max_total_time=300      # or camm, cues, ssmd, freegps, boxes, ts, container,
                                                           # nmea, csv, gpx, kml, igc, srt
Each target begins with what the tests' own writers make. libFuzzer's -rss_limit_mb and -timeout are the
limits; the defaults here are 1024 MB and 10 s.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["detector.telemetry"]):
    from detector.errors import TelemetryError
    from detector.telemetry import blackvue, camm, cues, freegps, gpmf, read_log, ssmd, transport_stream
    from detector.telemetry.boxes import Container


def in_track(form: bytes, handler: bytes = b"meta") -> Callable[[bytes], bytes]:
    """A file around the bytes: one track whose single sample they are."""
    from tests.telemetry_files import box, full  # the writers of the tests

    def wrap(data: bytes) -> bytes:
        import struct

        def movie(first: int) -> bytes:
            table = box(
                b"stbl",
                full(b"stsd", struct.pack(">I", 1), box(form, bytes(8))),
                full(b"stts", struct.pack(">III", 1, 1, 1000)),
                full(b"stsc", struct.pack(">IIII", 1, 1, 1, 1)),
                full(b"stsz", struct.pack(">III", 0, 1, len(data))),
                full(b"stco", struct.pack(">II", 1, first)),
            )
            media = box(b"mdia", full(b"mdhd", bytes(8), struct.pack(">I", 1000), bytes(8)),
                        full(b"hdlr", bytes(4), handler, bytes(13)), box(b"minf", table))  # fmt: skip
            return box(b"moov", box(b"trak", media))

        return movie(len(movie(0)) + 8) + box(b"mdat", data)

    return wrap


def on_container(
    reader: Callable[[Container], object], wrap: Callable[[bytes], bytes]
) -> Callable[[bytes], None]:
    """Run a reader over the bytes as a file."""

    def run(data: bytes) -> None:
        reader(Container(io.BytesIO(wrap(data))))

    return run


def on_log(suffix: str) -> Callable[[bytes], None]:
    """Run a log reader over the bytes as a file of that suffix."""
    path = Path(tempfile.mkdtemp()) / f"x{suffix}"

    def run(data: bytes) -> None:
        path.write_bytes(data)
        try:
            read_log(path)
        except TelemetryError:
            return

    return run


def plain(data: bytes) -> bytes:
    """The bytes as they are."""
    return data


TARGETS: dict[str, Callable[[], Callable[[bytes], None]]] = {
    "gpmf": lambda: on_container(gpmf.read_gpmf, in_track(b"gpmd")),
    "camm": lambda: on_container(camm.read_camm, in_track(b"camm")),
    "cues": lambda: on_container(cues.read_cues, in_track(b"tx3g", b"sbtl")),
    "ssmd": lambda: on_container(ssmd.read_ssmd, in_track(b"ssmd")),
    "freegps": lambda: on_container(freegps.read_freegps, lambda data: b"freeGPS " + data),
    "boxes": lambda: on_container(blackvue.read_nmea_boxes, plain),
    "ts": lambda: on_container(transport_stream.read_transport_stream, plain),
    "container": lambda: on_container(lambda container: container.tracks(), plain),
    "nmea": lambda: on_log(".nmea"),
    "csv": lambda: on_log(".csv"),
    "gpx": lambda: on_log(".gpx"),
    "kml": lambda: on_log(".kml"),
    "igc": lambda: on_log(".igc"),
    "srt": lambda: on_log(".srt"),
}


def seeds(target: str) -> list[bytes]:
    """Good input for a target, to begin from."""
    from tests import telemetry_files as files

    device = files.Device()
    sentences = [files.rmc(time_s, clock, fix=fix) for time_s, clock, fix in device.seconds()]
    second = next(device.seconds())
    record = files.novatek_record(second[0], second[1], fix=True)
    lon, lat, _ = files.truth(0)
    place, moment = f'lat="{lat}" lon="{lon}"', "2026-05-03T01:02:03Z"
    made: dict[str, list[bytes]] = {
        "gpmf": [files.gpmf(device, gps9=gps9)[0] for gps9 in (True, False)],
        "camm": files.camm(device)[:1],
        "cues": [files.thinkware(device)[0], files.dji(device)[0], files.garmin(device)[0]],
        "ssmd": [files.sstar(device)[0], files.ligogps(device)[0]],
        "freegps": [bytes(start - 8) + record for start in freegps.STARTS]
        + [bytes(36) + sentences[0].encode()],
        "boxes": [files.box(b"free", files.box(b"gps ", f"[1777770123000]{sentences[0]}".encode()))],
        "ts": [(b"G\x43\0\x10\0\0\1\xbf\x03\xf0" + record).ljust(188, b"\0") + b"G" + bytes(187)],
        "container": [in_track(b"gpmd")(b"data")],
        "nmea": ["\n".join(sentences).encode()],
        "csv": [f"time,lat,lon\n{moment},{lat},{lon}\n".encode()],
        "gpx": [
            f'<gpx version="1.1"><trk><trkseg><trkpt {place}><time>{moment}</time></trkpt></trkseg></trk></gpx>'.encode()
        ],
        "kml": [f"<kml><Track><when>{moment}</when><coord>{lon} {lat} 0</coord></Track></kml>".encode()],
        "igc": [b"HFDTE030526\nB0102033540872N13946026EA0000000000\n"],
        "srt": [f"1\n00:00:01,000 --> 00:00:02,000\n[latitude: {lat}] [longitude: {lon}]\n".encode()],
    }
    return made[target]


def main() -> None:
    """Run one target until a limit of libFuzzer's."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        raise SystemExit(f"{__doc__}\nTargets: {', '.join(TARGETS)}")
    target = sys.argv.pop(1)
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds(target)):
            (Path(corpus) / str(number)).write_bytes(seed)
        limits = ["-rss_limit_mb=1024", "-timeout=10"]
        atheris.Setup([sys.argv[0], *limits, *sys.argv[1:], corpus], TARGETS[target]())
        atheris.Fuzz()


if __name__ == "__main__":
    main()
