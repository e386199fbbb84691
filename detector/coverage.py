"""What a drive saw well enough to judge: the stretches of its way, and why the rest is not among them."""

from __future__ import annotations

from collections import Counter, defaultdict

from detector.visibility import Light, Unseen

Span = tuple[float, float]

HANG_M = 10.0
"""A picture that is repeated over a longer way than this leaves the road unseen."""


class Coverage:
    """Takes note, frame by frame, of what could be judged; each frame stands for the way since the last.

    `frames` counts the frames that could not be judged by reason, `metres` their way; `lights` counts
    those that could, by their light.
    """

    def __init__(self, begin_s: float, begin_m: float) -> None:
        self.frames: Counter[Unseen] = Counter()
        self.metres: defaultdict[Unseen, float] = defaultdict(float)
        self.lights: Counter[Light] = Counter()
        self.unseen: list[Span] = []
        self._time_s, self._fresh_m = begin_s, begin_m
        self._distance_m = begin_m

    @property
    def light(self) -> Light | None:
        """The light that most of the judged frames were taken by; None where none was judged."""
        return max(self.lights, key=self.lights.__getitem__, default=None)

    def add(self, time_s: float, distance_m: float, reason: Unseen | None, light: Light) -> None:
        """The next frame, the metres driven until then, why it can't be judged, and its light."""
        if reason is None:
            self._fresh_m = distance_m
            self.lights[light] += 1
        else:
            self.frames[reason] += 1
            if reason is not Unseen.repeated or distance_m - self._fresh_m > HANG_M:
                self.metres[reason] += distance_m - self._distance_m
                self._leave_out(time_s)
        self._time_s, self._distance_m = time_s, distance_m

    def _leave_out(self, time_s: float) -> None:
        if self.unseen and self.unseen[-1][1] == self._time_s:
            self.unseen[-1] = (self.unseen[-1][0], time_s)
        else:
            self.unseen.append((self._time_s, time_s))


def common(spans: list[Span], others: list[Span]) -> list[Span]:
    """The stretches of time that two ascending lists of them share."""
    shared = []
    for low, high in spans:
        for begin, end in others:
            if max(low, begin) < min(high, end):
                shared.append((max(low, begin), min(high, end)))
    return shared


def without(spans: list[Span], left_out: list[Span]) -> list[Span]:
    """`spans` less `left_out`, both ascending."""
    edges = [-float("inf"), *(edge for span in left_out for edge in span), float("inf")]
    return common(spans, list(zip(edges[::2], edges[1::2], strict=True)))
