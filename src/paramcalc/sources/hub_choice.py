"""Which of a repository's files are meant. Nothing is chosen among several."""

from __future__ import annotations

from collections.abc import Mapping

from paramcalc.errors import ParamcalcError, did_you_mean, shorten
from paramcalc.sources.checkpoint import ENDINGS, GGUF
from paramcalc.sources.gguf_parts import models_among
from paramcalc.sources.hub_id import HubId
from paramcalc.sources.shards import ENDING
from paramcalc.units import short_bytes

MOST_LISTED = 40
READABLE = (*ENDINGS, ".json")
Files = Mapping[str, int | None]


def chosen(files: Files, hub_id: HubId) -> tuple[str, str | None]:
    """The folder that is meant (``""`` or ``a/b/``), and its file; None for the folder itself."""
    wanted = hub_id.file
    models = models_among({path: size for path, size in files.items() if path.endswith(GGUF)})
    if wanted is None:
        if any(path.endswith(ENDING) and "/" not in path for path in files):
            return "", None
        if len(models) > 1:
            raise _several(models, hub_id)
        return _parted(next(iter(models))) if models else ("", None)
    if wanted in files:
        if not wanted.endswith(READABLE):
            raise ParamcalcError(
                f"`{shorten(wanted, 100)}` is of no kind that can be read",
                "safetensors and GGUF files, their indexes, and config.json can",
            )
        return _parted(wanted)
    if any(path.startswith(f"{wanted}/") for path in files):
        return f"{wanted}/", None
    tagged = {path: size for path, size in models.items() if _has_tag(path, wanted)}
    if len(tagged) > 1:
        raise _several(tagged, hub_id)
    if tagged:
        return _parted(next(iter(tagged)))
    raise ParamcalcError(
        f"`{hub_id.repository}` has no file `{shorten(wanted, 100)}`",
        did_you_mean(wanted, files, 3),
    )


def _parted(path: str) -> tuple[str, str]:
    folder, slash, name = path.rpartition("/")
    return folder + slash, name


def _has_tag(path: str, tag: str) -> bool:
    """The file is called by its quantization, as llama.cpp and Ollama name one of several.

    >>> _has_tag("Some-8B-Q4_K_M.gguf", "q4_k_m"), _has_tag("Some-8B-Q4_K_M.gguf", "M")
    (True, False)
    """
    name = path.rpartition("/")[2].lower().removesuffix(GGUF)
    stem = name.rpartition("-00001-of-")[0] or name
    return stem.endswith((f"-{tag.lower()}", f".{tag.lower()}"))


def _several(models: Files, hub_id: HubId) -> ParamcalcError:
    """All of them with their sizes, and how one is named."""
    rows = [
        f"  {'' if size is None else short_bytes(size):>8}  {shorten(path, 100)}"
        for path, size in list(models.items())[:MOST_LISTED]
    ]
    more = [f"  and {len(models) - MOST_LISTED:,} more"] if len(models) > MOST_LISTED else []
    usual = hub_id._replace(file=next(iter(models)))
    return ParamcalcError(
        f"`{hub_id.repository}` holds {len(models):,} GGUF models",
        "\n".join([f"name one, as in `{shorten(str(usual), 200)}`", *rows, *more]),
    )
