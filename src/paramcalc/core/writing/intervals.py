"""Sets of indices as intervals, and the conditions that a spec says them by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

Intervals = tuple[tuple[int, int], ...]
"""Sorted, apart from each other; each from its start to before its end."""

_MOST_LISTED = 60
_MOST_COMPARED = 30
_LONGEST_PERIOD = 16
_MOST_IN_TURN = 4_096
"""A pattern is looked for among so many indices."""


def intervals(indices: Sequence[int]) -> Intervals:
    """The set of some indices.

    >>> intervals(range(3, 7)), intervals((5, 0, 1))
    (((3, 7),), ((0, 2), (5, 6)))
    """
    if isinstance(indices, range):
        return ((indices.start, indices.stop),) if indices else ()
    return union([((index, index + 1),) for index in indices])


def union(sets: Iterable[Intervals]) -> Intervals:
    """All that is in one of the sets."""
    found: list[tuple[int, int]] = []
    for start, stop in sorted(one for numbers in sets for one in numbers):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(stop, found[-1][1])
        else:
            found.append((start, stop))
    return tuple(found)


def size(numbers: Intervals) -> int:
    """How many indices there are."""
    return sum(stop - start for start, stop in numbers)


def overlap(a: Intervals, b: Intervals) -> bool:
    """Some index is in both."""
    both = sorted([*a, *b])
    return any(before[1] > after[0] for before, after in pairwise(both))


def members(numbers: Intervals) -> Iterator[int]:
    """The indices one by one."""
    for start, stop in numbers:
        yield from range(start, stop)


def conditions(variable: str, numbers: Intervals, domain: Intervals) -> list[str]:
    """Conditions that together hold for those of the domain that are in ``numbers``.

    One as a rule, and none where all of the domain is; a very irregular set takes several.

    >>> conditions("i", ((0, 3),), ((0, 8),)), conditions("i", ((1, 2), (4, 5)), ((0, 6),))
    (['i < 3'], ['i % 3 == 1'])
    """
    if numbers == domain:
        return []
    if len(numbers) == 1:
        return [_between(variable, *numbers[0], domain)]
    count, all_of_them = size(numbers), size(domain)
    if all_of_them - count == 1:
        (other,) = set(members(domain)) - set(members(numbers))
        return [f"{variable} != {other}"]
    if all_of_them <= _MOST_IN_TURN and (text := _in_turn(variable, numbers, domain)):
        return [text]
    if count <= _MOST_LISTED:
        return [f"{variable} in {list(members(numbers))}"]
    if all_of_them - count <= _MOST_LISTED:
        others = sorted(set(members(domain)) - set(members(numbers)))
        return [f"{variable} not in {others}"]
    texts = [_between(variable, *one, domain) for one in numbers]
    parts = range(0, len(texts), _MOST_COMPARED)
    return [" or ".join(texts[part : part + _MOST_COMPARED]) for part in parts]


def _between(variable: str, start: int, stop: int, domain: Intervals) -> str:
    first, last = domain[0][0], domain[-1][1]
    if stop - start == 1:
        return f"{variable} == {start}"
    if start <= first:
        return f"{variable} < {stop}"
    return f"{variable} >= {start}" if stop >= last else f"{start} <= {variable} < {stop}"


def _in_turn(variable: str, numbers: Intervals, domain: Intervals) -> str | None:
    """``i % 4 == 3``: the smallest pattern that comes twice at least."""
    inside, everywhere = set(members(numbers)), list(members(domain))
    for period in range(2, min(_LONGEST_PERIOD, len(everywhere) // 2) + 1):
        chosen = {number % period for number in inside}
        if all((number in inside) == (number % period in chosen) for number in everywhere):
            others = sorted({number % period for number in everywhere} - chosen)
            if len(chosen) == 1:
                return f"{variable} % {period} == {chosen.pop()}"
            if len(others) == 1:
                return f"{variable} % {period} != {others[0]}"
            return f"{variable} % {period} in {sorted(chosen)}"
    return None
