"""Groups of pictures: which packets of a video must be decoded for the frames that are wanted.

A frame can only be decoded after those it is made from, back to its key frame. So what follows the last
wanted frame of a group need not be decoded, nor a frame that no other is made from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_PACKETS, MOST_BYTES = 600, 64_000_000
"""A group longer than this is taken in pieces."""
SNAP_SHARE = 0.5
"""A key frame is taken for a wanted time up to this share of the way to the next one earlier."""


@dataclass(frozen=True)
class Group:
    """Packets in decoding order from a key frame to before the next, or a piece of such a group.

    `shown_s` (n,) is when each is shown on the stream's own clock, NaN where the file does not say;
    `end_s` when the next group's key frame is. `continues`: the next piece is of the same group.
    """

    packets: list[av.Packet[av.VideoStream]]
    shown_s: Floats
    end_s: float
    continues: bool


def groups_of_pictures(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[Group]:
    """The stream's packets from where the container stands, group by group.

    Raises av.FFmpegError where the file breaks off, after what came before it.
    """
    held: list[av.Packet[av.VideoStream]] = []
    held_bytes = 0
    try:
        for packet in container.demux(stream):
            if not packet.size:  # the demuxer's sign that all is read
                continue
            full = len(held) >= MOST_PACKETS or held_bytes > MOST_BYTES
            if held and (packet.is_keyframe or full):
                yield _group(held, _time_s(packet), continues=not packet.is_keyframe)
                held, held_bytes = [], 0
            held.append(packet)
            held_bytes += packet.size
    except av.FFmpegError:
        if held:
            yield _group(held, np.inf, continues=False)
        raise
    if held:
        yield _group(held, np.inf, continues=False)


def _group(packets: list[av.Packet[av.VideoStream]], end_s: float, *, continues: bool) -> Group:
    return Group(packets, np.array([_time_s(packet) for packet in packets]), end_s, continues)


def _time_s(packet: av.Packet[av.VideoStream]) -> float:
    if packet.pts is None or packet.time_base is None:
        return np.nan
    return float(packet.pts * packet.time_base)


class Wanted:
    """The times at which frames are wanted, ascending seconds since the first frame."""

    def __init__(self, times_s: Floats) -> None:
        self._left_s = times_s
        steps = np.diff(times_s, prepend=-np.inf, append=np.inf)
        last = len(times_s) - 1
        self._snap_s = SNAP_SHARE * np.minimum(steps[:-1], steps[1:])
        self._snap_s[last:] = 0.0

    @property
    def done(self) -> bool:
        """Whether none is left."""
        return not len(self._left_s)

    @property
    def next_s(self) -> float:
        """The next one; infinite where none is left."""
        return float(self._left_s[0]) if len(self._left_s) else np.inf

    def due(self, time_s: float) -> bool:
        """Whether a frame of this time is wanted."""
        return time_s >= self.next_s

    def served(self, time_s: float) -> None:
        """Take note that a frame of this time was given."""
        keep = int(np.searchsorted(self._left_s, time_s, side="right"))
        self._left_s, self._snap_s = self._left_s[keep:], self._snap_s[keep:]

    def packets(self, group: Group, zero_s: float | None, *, follows_on: bool) -> NDArray[np.bool_]:
        """Which of a group's packets (n,) hold a wanted frame; all of them where that can't be told.

        `zero_s` is the first frame's time on the stream's clock, None as long as it is not known.
        Frames shown before the group's key frame can only be had where the decoder has all that
        comes before it (`follows_on`).
        """
        if zero_s is None or not np.isfinite(group.shown_s).all():
            return np.ones(len(group.packets), bool)
        shown_s = group.shown_s - zero_s
        offered = np.sort(shown_s if follows_on else shown_s[shown_s >= shown_s[0]])
        left = self._left_s <= offered[-1]
        if not group.continues:
            left &= group.end_s - zero_s - self._left_s > self._snap_s
        return np.isin(shown_s, offered[np.searchsorted(offered, self._left_s[left])])


class Everything(Wanted):
    """Every frame is wanted."""

    def __init__(self) -> None:
        super().__init__(np.zeros(1))

    def served(self, time_s: float) -> None:
        """The next one is wanted as well."""

    def packets(self, group: Group, zero_s: float | None, *, follows_on: bool) -> NDArray[np.bool_]:
        """All of them."""
        return np.ones(len(group.packets), bool)
