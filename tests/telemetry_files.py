"""Footage of every telemetry family, written from one known track.

The vehicle drives 40 km/h along a gentle right-hand curve; its true position is known at any instant.
`first_s` leaves out the fixes before that second; `leap_s` is by how much the device's clock is wrong
until two seconds after it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from pyproj import Geod

BEGIN_S = datetime(2026, 5, 3, 1, 2, 3, tzinfo=UTC).timestamp()
SPEED_MPS = 40 / 3.6
SECONDS = 20
GEOD = Geod(ellps="WGS84")


def truth(time_s: float) -> tuple[float, float, float]:
    """Longitude, latitude and heading (degrees) at a time since the first frame."""
    turn = math.radians(1.5)
    start = math.radians(45)
    # A circle: the chord from the start has half the turn's angle.
    angle = turn * time_s
    chord = SPEED_MPS * time_s if abs(angle) < 1e-9 else 2 * SPEED_MPS / turn * math.sin(angle / 2)
    lon, lat, _ = GEOD.fwd(139.7671, 35.6812, math.degrees(start + angle / 2), chord)
    return float(lon), float(lat), math.degrees(start + angle)


class Device:
    """What a device knows each second: true place, its own clock, and whether it has a fix."""

    def __init__(self, first_s: float = 0.0, leap_s: float = 0.0) -> None:
        self.first_s, self.leap_s = first_s, leap_s

    def seconds(self, rate: int = 1) -> Iterator[tuple[float, datetime, bool]]:
        """(media time, the device's UTC, fix) `rate` times a second."""
        for index in range(SECONDS * rate):
            time_s = index / rate
            wrong_s = self.leap_s if time_s < self.first_s + 2 else 0.0
            clock = datetime.fromtimestamp(BEGIN_S + time_s + wrong_s, UTC)
            yield time_s, clock, time_s >= self.first_s


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind: bytes, *content: bytes) -> bytes:
    return box(kind, bytes(4), *content)


def add_track(
    base: Path, path: Path, handler: bytes, form: bytes, samples: list[bytes], length_s: float = 1.0,
    edit_s: float = 0.0,
) -> Path:  # fmt: skip
    """The base video with one more track of timed samples; `edit_s` delays it by its edit list."""
    data = base.read_bytes()
    place = data.rfind(b"moov") - 4
    size = struct.unpack_from(">I", data, place)[0]
    assert place + size == len(data), "the base's moov stands at its end"
    scale, count = 1000, len(samples)

    def trak(first: int) -> bytes:
        offsets, here = [], first
        for sample in samples:
            offsets.append(here)
            here += len(sample)
        table = box(
            b"stbl",
            full(b"stsd", struct.pack(">I", 1), box(form, bytes(6), struct.pack(">H", 1))),
            full(b"stts", struct.pack(">III", 1, count, round(length_s * scale))),
            full(b"stsc", struct.pack(">IIII", 1, 1, 1, 1)),
            full(b"stsz", struct.pack(f">II{count}I", 0, count, *map(len, samples))),
            full(b"stco", struct.pack(f">I{count}I", count, *offsets)),
        )
        media = box(
            b"mdia",
            full(b"mdhd", struct.pack(">IIIIHH", 0, 0, scale, round(count * length_s * scale), 0, 0)),
            full(b"hdlr", bytes(4), handler, bytes(12), b"\0"),
            box(b"minf", box(b"nmhd", bytes(4)), table),
        )
        edits = [struct.pack(">Iii", round(edit_s * 1000), -1, 0x10000)] if edit_s else []
        edits.append(struct.pack(">Iii", round(count * length_s * 1000), 0, 0x10000))
        listed = full(b"elst", struct.pack(">I", len(edits)), *edits)
        return box(b"trak", full(b"tkhd", bytes(80)), box(b"edts", listed), media)

    length = len(trak(0))
    added = trak(len(data) + length + 8)
    moov = struct.pack(">I", size + length) + data[place + 4 :] + added
    path.write_bytes(data[:place] + moov + box(b"mdat", *samples))
    return path


def ddmm(degrees: float) -> float:
    return int(degrees) * 100 + (degrees % 1) * 60


def nmea(body: str) -> str:
    check = 0
    for letter in body:
        check ^= ord(letter)
    return f"${body}*{check:02X}"


def rmc(time_s: float, clock: datetime, *, fix: bool) -> str:
    if not fix:
        return nmea(f"GPRMC,{clock:%H%M%S}.00,V,,,,,,,{clock:%d%m%y},,,N")
    lon, lat, heading = truth(time_s)
    place = f"{ddmm(lat):010.5f},N,{ddmm(lon):011.5f},E,{SPEED_MPS * 3600 / 1852:.2f},{heading:.2f}"
    return nmea(f"GPRMC,{clock:%H%M%S}.{clock.microsecond // 10000:02d},A,{place},{clock:%d%m%y},,,A")


# --- GoPro ------------------------------------------------------------------------------------------


def klv(key: bytes, kind: bytes, size: int, repeat: int, data: bytes) -> bytes:
    return key + kind + struct.pack(">BH", size, repeat) + data + bytes(-len(data) % 4)


def gpmf(device: Device, *, gps9: bool) -> list[bytes]:
    """One payload a second, ten rows each."""
    payloads, rows = [], list(device.seconds(10))
    for second in range(SECONDS):
        mine = rows[second * 10 : second * 10 + 10]
        fix = all(one[2] for one in mine)
        if gps9:
            stream = _gps9(mine)
        else:
            packed = b"".join(
                struct.pack(">5i", round(lat * 1e7), round(lon * 1e7), 40100, round(SPEED_MPS * 1e3), 1111)
                for lon, lat, _ in (truth(time_s) for time_s, _, _ in mine)
            )
            clock = mine[0][1]
            stream = (
                klv(b"GPSF", b"L", 4, 1, struct.pack(">I", 3 if fix else 0))
                + klv(b"GPSU", b"U", 16, 1, f"{clock:%y%m%d%H%M%S}.{clock.microsecond // 1000:03d}".encode())
                + klv(b"GPSP", b"S", 2, 1, struct.pack(">H", 154))
                + klv(b"SCAL", b"l", 4, 5, struct.pack(">5i", 10**7, 10**7, 1000, 1000, 100))
                + klv(b"GPS5", b"l", 20, 10, packed)
            )
        strm = klv(b"STRM", b"\0", 1, len(stream), stream)
        device_entry = klv(b"DVID", b"L", 4, 1, bytes(4)) + strm
        payloads.append(klv(b"DEVC", b"\0", 1, len(device_entry), device_entry))
    return payloads


def _gps9(rows: list[tuple[float, datetime, bool]]) -> bytes:
    packed = b""
    for time_s, clock, fix in rows:
        lon, lat, _ = truth(time_s)
        days = (clock - datetime(2000, 1, 1, tzinfo=UTC)).days
        ms = round((clock - clock.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds() * 1000)
        packed += struct.pack(
            ">7i2H", round(lat * 1e7), round(lon * 1e7), 40100, round(SPEED_MPS * 1e3), 1111, days, ms, 154,
            3 if fix else 0,
        )  # fmt: skip
    scale = struct.pack(">9i", 10**7, 10**7, 1000, 1000, 100, 1, 1000, 100, 1)
    return (
        klv(b"TYPE", b"c", 1, 9, b"lllllllSS")
        + klv(b"SCAL", b"l", 4, 9, scale)
        + klv(b"GPS9", b"?", 32, len(rows), packed)
    )


# --- other tracks -----------------------------------------------------------------------------------


def camm(device: Device) -> list[bytes]:
    samples = []
    for time_s, clock, fix in device.seconds():
        lon, lat, heading = truth(time_s)
        east, north = (SPEED_MPS * f(math.radians(heading)) for f in (math.sin, math.cos))
        samples.append(
            struct.pack(
                "<HHdidd7f",
                0,
                6,
                clock.timestamp(),
                3 if fix else 0,
                lat,
                lon,
                40,
                2.5,
                4,
                east,
                north,
                0,
                0.3,
            )
        )
    return samples


def cue(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()


def thinkware(device: Device) -> list[bytes]:
    return [
        cue(f"gsensori,4,512,-123,028,-06;{rmc(time_s, clock, fix=fix)[1:]}\n;CAR,0,0,0,0.0,0")
        for time_s, clock, fix in device.seconds()
    ]


def dji(device: Device) -> list[bytes]:
    samples = []
    for time_s, _, fix in device.seconds():
        lon, lat, _ = truth(time_s)
        place = f"[latitude: {lat:.6f}] [longitude: {lon:.6f}] " if fix else ""
        samples.append(cue(f"[iso : 110] [shutter : 1/60.0] {place}[rel_alt: 1.300 abs_alt: 40.100]"))
    return samples


def garmin(device: Device) -> list[bytes]:
    samples = []
    for time_s, _, fix in device.seconds():
        lon, lat, _ = truth(time_s) if fix else (0.0, 0.0, 0.0)
        half = (round(value * 2**31 / 180) for value in (lat, lon))
        samples.append(b"PNDM" + struct.pack("<IHHii", 0, round(SPEED_MPS / 0.44704), 0, *half))
    return samples


def sstar(device: Device) -> list[bytes]:
    samples = []
    for time_s, clock, fix in device.seconds():
        lon, lat, heading = truth(time_s) if fix else (4294967295.0,) * 3
        parts = (round(SPEED_MPS * 3.6), 0x057E, clock.day, clock.hour, clock.minute, clock.second)
        tail = (
            struct.pack("<HH4BB", *parts, round(heading / 2))
            if fix
            else struct.pack("<HH4BB", 0xFFFF, 0x047E, *parts[2:], 255)
        )
        samples.append((struct.pack("<ddi", lat, lon, 40) + tail + b"\1\1\0").ljust(40, b"\0"))
    return samples


def ligogps(device: Device) -> list[bytes]:
    """Scrambled the way whose first byte begins with 110: four letters a group."""
    samples = []
    for time_s, clock, fix in device.seconds():
        lon, lat, _ = truth(time_s)
        place = (
            f"N:{lat:.6f} E:{lon:.6f} {SPEED_MPS * 3600 / 1852:.2f}" if fix else "?:0.000000 ?:0.000000 0.0"
        )
        text = f"0001{clock:%Y/%m/%d %H:%M:%S} {place}".encode()
        text += b" " * (-len(text) % 4)
        body = b""
        for start in range(0, len(text), 4):
            plain = [letter ^ 0x20 for letter in text[start : start + 4]]
            first = (
                0xC0
                | plain[0] & 0x01
                | plain[1] & 0x02
                | plain[2] & 0x0C
                | plain[3] & 0x10
                | text[start + 3] & 0x20
            )
            masks = (0x01, 0x02, 0x0C, 0x30)
            body += bytes([first, *(letter & ~mask for letter, mask in zip(plain, masks, strict=True))])
        head = b"LIGOGPSINFO\0" + bytes(8) + b"####" + struct.pack("<I", len(body))
        samples.append(bytes(33) + head + body)
    return samples


# --- boxes and blocks -------------------------------------------------------------------------------


def blackvue(base: Path, path: Path, device: Device) -> Path:
    lines = []
    for time_s, clock, fix in device.seconds():
        stamp = round((BEGIN_S + 9 * 3600 + time_s) * 1000)
        lines.append(f"[{stamp}]{rmc(time_s, clock, fix=fix)}\r\n")
    text = "".join(lines).encode()
    path.write_bytes(base.read_bytes() + box(b"free", box(b"cprt", b" Pittasoft\0"), box(b"gps ", text)))
    path.with_suffix(".gps.text").write_bytes(text)
    return path


def novatek_record(time_s: float, clock: datetime, *, fix: bool) -> bytes:
    lon, lat, heading = truth(time_s)
    parts = (clock.hour, clock.minute, clock.second, clock.year - 2000, clock.month, clock.day)
    values = (ddmm(lat), ddmm(lon), SPEED_MPS * 3600 / 1852, heading) if fix else (0.0,) * 4
    return struct.pack("<6I4s4f", *parts, b"ANE\0" if fix else b"V\0\0\0", *values)


def freegps(base: Path, path: Path, device: Device, *, start: int, indexed: bool, text: bool = False) -> Path:
    blocks = []
    for time_s, clock, fix in device.seconds():
        record = rmc(time_s, clock, fix=fix).encode() if text else novatek_record(time_s, clock, fix=fix)
        block = b"freeGPS " + bytes(start - 8) + record
        blocks.append(struct.pack(">I", 0x1000) + block.ljust(0x1000 - 4, b"\0"))
    data = base.read_bytes()
    if not indexed:
        path.write_bytes(data + box(b"mdat", *blocks))
        return path
    place = data.rfind(b"moov") - 4
    size = struct.unpack_from(">I", data, place)[0]
    length = 16 + 8 * len(blocks)
    first = len(data) + length + 8
    entries = b"".join(struct.pack(">II", first + index * 0x1000, 0x1000) for index in range(len(blocks)))
    table = box(b"gps ", struct.pack(">II", 1, len(blocks)), entries)
    moov = struct.pack(">I", size + length) + data[place + 4 :] + table
    path.write_bytes(data[:place] + moov + box(b"mdat", *blocks))
    return path


def seventy_mai(base: Path, path: Path, device: Device) -> Path:
    """A block a frame, the same fix for a second."""
    blocks = b""
    for time_s, _, fix in device.seconds(30):
        lon, lat, heading = truth(time_s)
        values = (round(ddmm(lat) * 1e5), round(ddmm(lon) * 1e5), round(heading), round(SPEED_MPS * 3.6))
        block = b"freeGPS " + b"\xed\x01\0\0\x03\0\xed\x01" + bytes(10)
        block += (b"A" if fix else b"V") + struct.pack("<4i", *(values if fix else (0,) * 4))
        blocks += struct.pack(">I", 64) + block.ljust(60, b"\0")
    path.write_bytes(base.read_bytes() + box(b"free", blocks))
    return path


def add_transport_packets(base_ts: Path, path: Path, device: Device, prefix: int = 0) -> Path:
    """Private packets on a PID of their own, put between the packets of the video, one a second."""
    data = base_ts.read_bytes()
    packets = [data[place : place + 188] for place in range(0, len(data), 188)]
    step = len(packets) // SECONDS
    out = b""
    for second, (time_s, clock, fix) in enumerate(device.seconds()):
        out += b"".join(packets[second * step : (second + 1) * step])
        body = (bytes(prefix) + novatek_record(time_s, clock, fix=fix)).ljust(1008, b"\0")
        payload = b"\0\0\1\xbf" + struct.pack(">H", len(body)) + body
        for index, place in enumerate(range(0, len(payload), 184)):
            piece = payload[place : place + 184]
            head = bytes([0x47, 0x43 if index == 0 else 0x03, 0x00])
            if len(piece) == 184:
                out += head + bytes([0x10 | index & 15]) + piece
            else:
                stuffing = 183 - len(piece)
                out += (
                    head + bytes([0x30 | index & 15, stuffing]) + (b"\0" + b"\xff" * 200)[:stuffing] + piece
                )
    path.write_bytes(out + b"".join(packets[SECONDS * step :]))
    return path


TRACKS: dict[str, tuple[bytes, bytes, float, Callable[[Device], list[bytes]]]] = {
    "GPMF GPS5": (b"meta", b"gpmd", 1.0, lambda device: gpmf(device, gps9=False)),
    "GPMF GPS9": (b"meta", b"gpmd", 1.0, lambda device: gpmf(device, gps9=True)),
    "CAMM": (b"camm", b"camm", 1.0, camm),
    "Thinkware": (b"sbtl", b"tx3g", 1.0, thinkware),
    "DJI": (b"text", b"text", 1.0, dji),
    "Garmin": (b"sbtl", b"tx3g", 1.0, garmin),
    "SStar": (b"meta", b"ssmd", 1.0, sstar),
    "LigoGPS": (b"meta", b"ssmd", 1.0, ligogps),
}
"""Families that are a track of timed samples: handler, format, seconds a sample, its writer."""

FILES: dict[str, Callable[[Path, Path, Device], Path]] = {
    "BlackVue": blackvue,
    "Novatek, indexed": lambda base, path, device: freegps(base, path, device, start=44, indexed=True),
    "Novatek, not indexed": lambda base, path, device: freegps(base, path, device, start=12, indexed=False),
    "Kenwood": lambda base, path, device: freegps(base, path, device, start=60, indexed=True),
    "Vantrue": lambda base, path, device: freegps(base, path, device, start=44, indexed=True, text=True),
}
