"""What the shell offers for an argument; it reads names only and never fails."""

from __future__ import annotations


def models(incomplete: str) -> list[str]:
    """Names of the catalogue."""
    return _names("models.yaml", incomplete)


def precisions(incomplete: str) -> list[str]:
    """Number formats."""
    return _names("precisions.yaml", incomplete)


def gpus(incomplete: str) -> list[str]:
    """Named accelerators."""
    return _names("hardware.yaml", incomplete)


def formats(incomplete: str) -> list[str]:
    """Output formats."""
    return [name for name in ("table", "json", "csv", "md") if name.startswith(incomplete)]


def _names(file: str, incomplete: str) -> list[str]:
    import re

    from paramcalc.catalogue.files import find_data

    names: list[str] = []
    for path in find_data(file):
        # The keys at column 0; reading the YAML itself would take longer than a key press may.
        found = re.findall(r"^([^\s#:_][^:\n]*):", path.read_text("utf-8"), re.MULTILINE)
        names += [name for name in found if name.startswith(incomplete.lower())]
    return names
