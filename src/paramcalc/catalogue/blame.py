"""Which key of a configuration is to blame when its architecture cannot be expanded.

A problem of an expansion is told at a line of the architecture, which is rarely where it has to be
mended. So each key in turn takes the value that it is known to work with; the key whose change
makes the problem go away is the one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paramcalc.catalogue.architectures import find_spec
from paramcalc.core.expand import expand
from paramcalc.core.spec import Spec
from paramcalc.errors import ParamcalcError, Problem

_MOST_TRIALS = 60
_MOST_ROUNDS = 5
_ABSENT = object()
_Trial = tuple[tuple[str, ...], Any]
"""A path in the configuration, and a good value for it."""


@dataclass(frozen=True, slots=True)
class Blame:
    """The trained parameters of a configuration, or its problems with paths in it."""

    total: int | None
    problems: tuple[Problem, ...] = ()


def blame(spec: Spec, configuration: Mapping[str, Any]) -> Blame:
    """Expand a configuration; a problem without a path belongs to the configuration as a whole."""
    found = _expand(spec, configuration)
    if isinstance(found, int):
        return Blame(found)
    culprits: list[Problem] = []
    for _ in range(_MOST_ROUNDS):
        # With one wrong value mended, those that it hid come to light.
        mended, more = _round(spec, configuration, found)
        culprits += more
        configuration, found = mended, _expand(spec, mended)
        if isinstance(found, int):
            return Blame(None, tuple(culprits))
        if not more:
            break
    return Blame(None, (*culprits, *_whole(spec, found)))


def _round(
    spec: Spec, configuration: Mapping[str, Any], found: tuple[Problem, ...]
) -> tuple[Mapping[str, Any], list[Problem]]:
    """The configuration with the values mended that are to blame, and the problems they make."""
    culprits: list[Problem] = []
    for path, good in _trials(spec, configuration):
        trial = _with(configuration, path, good)
        after = _expand(spec, trial)
        remaining = set() if isinstance(after, int) else {_identity(p) for p in after}
        gone = [problem for problem in found if _identity(problem) not in remaining]
        if gone:
            # One wrong value spoils many tensors; the first of them tells what is wrong with it.
            place = path if path[0] in configuration else ()
            culprits.append(gone[0]._replace(path=place, span=(0, 0), in_key=False, place=None))
            configuration = trial
            found = tuple(problem for problem in found if problem not in gone)
        if not found:
            break
    return configuration, culprits


def _expand(spec: Spec, configuration: Mapping[str, Any]) -> int | tuple[Problem, ...]:
    try:
        groups = expand(spec, configuration, find_spec).groups
    except ParamcalcError as error:
        return error.problems
    return sum(group.numel for group in groups if group.trained)


def _identity(problem: Problem) -> tuple[object, ...]:
    return problem.message, problem.path, problem.place


def _trials(spec: Spec, configuration: Mapping[str, Any]) -> Iterator[_Trial]:
    """Each key that may be to blame, and a value that is known to work."""
    known = {name: field for field in spec.fields.values() for name in (field.name, *field.aliases)}
    given = [key for key in configuration if key in known]
    for key in given[:_MOST_TRIALS]:
        value, field = configuration[key], known[key]
        if isinstance(value, Mapping):
            yield from (((key, inner), _ABSENT) for inner in list(value)[:_MOST_TRIALS])
        yield (key,), _ABSENT if field.default else spec.example.get(field.name, 1)
    for name, field in spec.fields.items():
        if field.default is None and not any(n in configuration for n in (name, *field.aliases)):
            yield (name,), spec.example.get(name, 1)


def _with(configuration: Mapping[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    key, *rest = path
    if rest:
        return {**configuration, key: _with(configuration[key], tuple(rest), value)}
    changed = {name: old for name, old in configuration.items() if name != key}
    return changed if value is _ABSENT else {**changed, key: value}


def _whole(spec: Spec, problems: Sequence[Problem]) -> Iterator[Problem]:
    """What no single key is to blame for, with the line of the architecture that tells it."""
    for problem in spec.place(ParamcalcError(problems)).problems:
        where = f" ({problem.place.file}:{problem.place.line})" if problem.place else ""
        yield Problem(problem.message + where, problem.hint)
