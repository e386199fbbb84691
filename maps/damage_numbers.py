"""Numbers of damages: which stand for which today, and what people decided of them."""

from __future__ import annotations


class DamageNumbers:
    """What became of the numbers that damages were given.

    Numbers are given once: a damage keeps its number when sightings are added to it. `joined` tells
    which numbers were found to be another damage's (its number), when a drive saw them as one; `split`
    which came out of another's (its number), when a drive saw two. What a person decided stays: the
    numbers in `decided` are never given up for another, and what `never_join` names is never joined.
    `same` are numbers that a person said are another damage's (its number).
    """

    def __init__(self) -> None:
        self.joined: dict[int, int] = {}
        self.split: dict[int, int] = {}
        self.decided: set[int] = set()
        self.same: dict[int, int] = {}
        self._apart: set[frozenset[int]] = set()

    @property
    def gone(self) -> set[int]:
        """Numbers that stand for another damage."""
        return self.joined.keys() | self.same.keys()

    def final(self, number: int) -> int:
        """The damage that a number stands for today."""
        while number in self.joined or number in self.same:
            number = self.joined.get(number) or self.same[number]
        return number

    def places(self, number: int) -> list[int]:
        """The numbers of the places where drives see a damage: its own, and those of what a person joined with it."""
        return [number, *(one for one in self.same if one != number and self.final(one) == number)]

    def join(self, stays: int, goes: int) -> None:
        """Make two damages one, as a person decided: the second is the first from now on."""
        stays, goes = self.final(stays), self.final(goes)
        if stays != goes:
            self._apart.discard(frozenset((stays, goes)))
            self.same[goes] = stays
        self.decided |= {stays, goes}

    def never_join(self, one: int, other: int) -> None:
        """Two damages are two, as a person decided."""
        self._apart.add(frozenset((one, other)))

    def may_join(self, one: int, other: int) -> bool:
        """Whether no person's decision stands against it."""
        both_decided = one in self.decided and other in self.decided
        return not both_decided and frozenset((one, other)) not in self._apart
