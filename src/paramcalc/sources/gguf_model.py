"""A GGUF file as a model: its tensors as stored, and what its metadata say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import pairwise
from math import prod
from typing import Any

from paramcalc.catalogue.rules import rules
from paramcalc.core.cache import PlacedCache, together
from paramcalc.core.grouping import StoredTensor, grouped, template_of
from paramcalc.core.model import Embeddings, Model, TensorGroup, Tied
from paramcalc.errors import ParamcalcError, shorten
from paramcalc.sources.configuration import Reading
from paramcalc.sources.folder import Folder
from paramcalc.sources.gguf import Described, Header
from paramcalc.sources.gguf_caches import FILE, caches_of
from paramcalc.sources.gguf_parts import read_parts
from paramcalc.sources.gguf_types import stored_as
from paramcalc.units import MOST_TOKENS

TABLE, HEAD = "token_embd.weight", "output.weight"
_ENDS = {"input": "token_embd", "output": "output"}
RECIPE = "gguf_recipe"
"""In a model's card: the recipe that the file says it was made by."""
IMATRIX = "quantize.imatrix.file"


def model_from_gguf(folder: Folder, file: str, name: str, reading: Reading) -> Model:
    """The model in a file, or in all the parts of one."""
    if reading.overrides:
        raise ParamcalcError("a checkpoint holds the tensors themselves: there is no key to set")
    headers = read_parts(folder, file)
    metadata = headers[0].metadata
    tensors = [tensor for header in headers for tensor in _stored(header)]
    if not tensors:
        raise ParamcalcError(f"`{headers[0].file}` holds no tensors")
    caches, notes = _caches(metadata, tensors)
    architecture = metadata.get("general.architecture")
    model = Model(
        name,
        tuple(_active(grouped(tensors), metadata)),
        together(caches),
        placed_caches=caches,
        architecture=architecture if isinstance(architecture, str) else None,
        source="; ".join([_said(headers), *notes]),
        context=_whole(metadata, "context_length") or None,
        mtp_numel=_extra(metadata, tensors),
        card=_card(metadata),
    )
    return _with_ends(model, {tensor.name: prod(tensor.shape) for tensor in tensors}, metadata)


def _said(headers: list[Header]) -> str:
    parts = f" and {len(headers) - 1:,} more parts" if len(headers) > 1 else ""
    return f"header of {headers[0].file}{parts}"


# --- tensors -------------------------------------------------------------------------------------


def _stored(header: Header) -> Iterator[StoredTensor]:
    """The tensors of one file with their types and exact bytes, each in a place of its own."""
    places: list[tuple[int, int, str]] = []
    for tensor in header.tensors:
        type_name, size = stored_as(tensor.type_id, tensor.shape, tensor.name)
        if tensor.offset % header.alignment:
            raise ParamcalcError(
                f"`{header.file}`: the data of `{shorten(tensor.name)}` are not aligned"
            )
        places.append((tensor.offset, tensor.offset + size, tensor.name))
        yield _one(tensor, type_name, size)
    places.sort()
    if places and places[-1][1] > header.data_size:
        raise ParamcalcError(
            f"`{header.file}` breaks off: `{shorten(places[-1][2])}` ends at byte "
            f"{places[-1][1]:,} of {max(0, header.data_size):,} bytes of data",
            "the download may be incomplete",
        )
    for before, after in pairwise(places):
        if before[1] > after[0]:
            raise ParamcalcError(
                f"`{header.file}`: the data of `{shorten(before[2])}` and "
                f"`{shorten(after[2])}` overlap"
            )


def _one(tensor: Described, type_name: str, size: int) -> StoredTensor:
    kind, trained = _kind(template_of(tensor.name)[0], len(tensor.shape))
    return StoredTensor(tensor.name, tensor.shape, type_name, size, kind, trained)


@lru_cache(maxsize=4096)
def _kind(template: str, dimensions: int) -> tuple[str, bool]:
    """The kind of layer that a tensor belongs to, and whether it is trained, by its name."""
    if _fits(template, rules(FILE)["_buffers"]):
        return "Buffer", False
    for pattern, kind in rules(FILE)["_kinds"].items():
        if fnmatchcase(template, pattern):
            return kind, True
    return ("Linear" if dimensions > 1 or template.endswith(".bias") else "Parameter"), True


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _active(groups: Iterable[TensorGroup], metadata: Mapping[str, Any]) -> Iterator[TensorGroup]:
    """Of fused experts, as many as run for one token."""
    count, used = (_whole(metadata, key) for key in ("expert_count", "expert_used_count"))
    for group in groups:
        fused = 0 < used <= count and group.trained and group.shape[:1] == (count,)
        if fused and _fits(group.template, rules(FILE)["_experts"]):
            yield group._replace(active_numel=group.numel // count * used, is_fused=True)
        else:
            yield group


# --- metadata ------------------------------------------------------------------------------------


def _caches(
    metadata: Mapping[str, Any], tensors: Iterable[StoredTensor]
) -> tuple[tuple[PlacedCache, ...], list[str]]:
    try:
        return caches_of(metadata, (tensor.name for tensor in tensors)), []
    except ParamcalcError as error:
        said = error.problems[0].message
        return (), [f"the metadata do not tell what the layers remember ({said}): weights only"]


def _card(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Which recipe the file says it was made by, under `RECIPE`."""
    name = rules(FILE)["_file_types"].get(str(metadata.get("general.file_type")))
    if name is None:
        return {}
    return {RECIPE: f"{name}-imatrix" if IMATRIX in metadata else name}


def _whole(metadata: Mapping[str, Any], key: str) -> int:
    """A whole number that the metadata give for the architecture; 0 if they do not."""
    found = metadata.get(f"{metadata.get('general.architecture')}.{key}")
    return found if type(found) is int and 0 < found <= MOST_TOKENS else 0


def _extra(metadata: Mapping[str, Any], tensors: Iterable[StoredTensor]) -> int:
    """Parameters of the layers that predict further tokens; they are the last ones."""
    layers, extra = (_whole(metadata, key) for key in ("block_count", "nextn_predict_layers"))
    last = tuple(f"blk.{layers - number}." for number in range(1, min(extra, layers, 8) + 1))
    return sum(prod(t.shape) for t in tensors if t.trained and t.name.startswith(last))


def _with_ends(model: Model, sizes: Mapping[str, int], metadata: Mapping[str, Any]) -> Model:
    """The model with its token table and its head, which is the table where it has none."""
    table, head = sizes.get(TABLE), sizes.get(HEAD)
    causal = metadata.get(f"{model.architecture}.attention.causal") is not False
    if table is None or not causal or model.architecture is None:
        return model
    if head is not None:
        return model._replace(embeddings=Embeddings(table, head, tied=False), ends=_ENDS)
    like = next(group for group in model.groups if group.template == TABLE)
    tie = Tied(HEAD, TABLE, table, like._replace(template=HEAD, kind="Linear"))
    return model._replace(ties=(tie,), embeddings=Embeddings(table, 0, tied=True), ends=_ENDS)
