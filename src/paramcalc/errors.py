"""The one exception that bad input raises, and how it is written for a person.

Core code knows a problem by its *path* in a document (``("modules", "fc")``) and a span in the
text found there. Only when something is wrong does the reader of the file turn the path into a
:class:`Place` with line and column, so the good path pays nothing for positions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Place(NamedTuple):
    """Where a problem stands: 1-based line and column, the line's text, columns to underline.

    Of a very long line, ``text`` is what stands around the place; it begins at ``text_start``.
    """

    file: str
    line: int
    column: int
    text: str = ""
    length: int = 1
    text_start: int = 0


class Problem(NamedTuple):
    """One thing that is wrong: what, where, and what to do about it."""

    message: str
    hint: str | None = None
    path: tuple[str, ...] = ()
    """Keys from the top of the document to the entry."""
    span: tuple[int, int] = (0, 0)
    """Start and length within the entry's text; length 0 means all of it."""
    in_key: bool = False
    """The span counts in the entry's key, not in its value."""
    place: Place | None = None

    def __str__(self) -> str:
        lines = [self.message]
        if self.place is not None:
            lines += _excerpt(self.place)
        elif self.path:
            lines.append(f"  --> {' > '.join(self.path)}")
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


def _excerpt(place: Place) -> list[str]:
    if not place.text:
        return [f"  --> {place.file}:{place.line}:{place.column}"]
    gutter = " " * len(str(place.line))
    # Long lines are cut around the place, so that the caret stays in sight.
    at = place.column - 1 - place.text_start
    start = max(0, at - 60) if len(place.text) > 100 else 0
    text = "".join(c if c.isprintable() else " " for c in place.text[start : start + 100])
    carets = "^" * max(1, min(place.length, len(text) - (at - start)))
    return [
        f"{gutter} --> {place.file}:{place.line}:{place.column}",
        f"{gutter} |",
        f"{place.line} | {text}",
        f"{gutter} | {' ' * (at - start)}{carets}",
    ]


class ParamcalcError(Exception):
    """Bad input: what is wrong, where, and what to do. ``problems`` holds one entry or many."""

    def __init__(
        self,
        message: str | Problem | Sequence[Problem],
        hint: str | None = None,
        *,
        span: tuple[int, int] = (0, 0),
    ) -> None:
        if isinstance(message, str):
            message = Problem(message, hint, span=span)
        self.problems: tuple[Problem, ...] = (
            (message,) if isinstance(message, Problem) else tuple(message)
        )
        super().__init__(str(self))

    def __str__(self) -> str:
        return "\n\n".join(str(problem) for problem in self.problems)

    def at(self, path: Iterable[str], *, in_key: bool = False, offset: int = 0) -> ParamcalcError:
        """The same error, told to stand at ``path`` unless it already knows a place."""
        path = tuple(path)
        return ParamcalcError(
            [
                problem
                if problem.path or problem.place
                else problem._replace(
                    path=path,
                    in_key=in_key,
                    span=(problem.span[0] + offset, problem.span[1]),
                )
                for problem in self.problems
            ]
        )


def nearest(word: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The known words that look most like ``word``, best first."""
    from difflib import get_close_matches  # only when something is wrong

    return get_close_matches(word[:80], list(known), n=count, cutoff=0.5)


def did_you_mean(word: str, known: Iterable[str], count: int = 1) -> str | None:
    """The hint that names the nearest known words, or nothing.

    >>> did_you_mean("hidden_sise", ["hidden_size", "vocab_size"])
    'did you mean `hidden_size`?'
    """
    found = [f"`{name}`" for name in nearest(word, known, count)]
    if not found:
        return None
    listed = found[0] if len(found) == 1 else f"{', '.join(found[:-1])} or {found[-1]}"
    return f"did you mean {listed}?"


def shorten(text: str, width: int = 60) -> str:
    """A text from a stranger, fit to stand in a message: one line, bounded, printable."""
    text = text[: width + 1] if len(text) > width else text
    clean = "".join(c if c.isprintable() else "?" for c in text)
    return clean[: width - 1] + "…" if len(text) > width else clean
