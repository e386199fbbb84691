"""Novatek's GPS record in MPEG transport streams (Viofo and kin in TS mode).

Layout: ISO/IEC 13818-1 packets of 188 bytes; the record is the payload of a private stream 2 packet
(0xBF), bare or behind 164 bytes (ExifTool, M2TS.pm), one a second, with no presentation time.
"""

from __future__ import annotations

from collections.abc import Iterator

from detector.telemetry.boxes import Container
from detector.telemetry.fixes import Row
from detector.telemetry.freegps import record_at

PACKET_BYTES = 188
CHUNK_PACKETS = 8192
START = b"\x00\x00\x01\xbf"
PREFIXES = (0, 164)
WHOLE_BYTES = 220


def read_transport_stream(container: Container) -> list[Row]:
    """Rows of the stream's private packets; their number is their second, roughly."""
    if container.read(0, 1) != b"\x47" or container.read(PACKET_BYTES, 1) != b"\x47":
        return []
    rows: list[Row] = []
    for number, payload in enumerate(_private_payloads(container)):
        row = next((found for start in PREFIXES if (found := record_at(payload, start))), None)
        if row:
            rows.append(row | {"nominal_s": float(number)})
    return rows


def _private_payloads(container: Container) -> Iterator[bytes]:
    """The beginnings of private stream 2 payloads, put together from their packets."""
    open_pids: dict[int, bytearray] = {}
    for place in range(0, container.size, PACKET_BYTES * CHUNK_PACKETS):
        chunk = container.read(place, PACKET_BYTES * CHUNK_PACKETS)
        for start in range(0, len(chunk) - PACKET_BYTES + 1, PACKET_BYTES):
            packet = chunk[start : start + PACKET_BYTES]
            if packet[0] != 0x47 or not packet[3] & 0x10:
                continue
            pid = (packet[1] & 0x1F) << 8 | packet[2]
            body = packet[5 + packet[4] :] if packet[3] & 0x20 else packet[4:]
            if packet[1] & 0x40:
                if pid in open_pids:
                    yield bytes(open_pids.pop(pid))
                if body[:4] == START:
                    open_pids[pid] = bytearray(body[6:])
            elif pid in open_pids:
                open_pids[pid] += body
            if len(open_pids.get(pid, b"")) >= WHOLE_BYTES:
                yield bytes(open_pids.pop(pid))
    yield from (bytes(rest) for rest in open_pids.values())
