"""The public functions: from a name to a model, its memory, and whether it fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from paramcalc.catalogue import tables
from paramcalc.catalogue.quantization import is_quantized
from paramcalc.catalogue.tables import number_format
from paramcalc.core import fit as fitting
from paramcalc.core import inference
from paramcalc.core.fit import Device, Fit
from paramcalc.core.inference import Workload
from paramcalc.core.memory import Memory
from paramcalc.core.model import Model
from paramcalc.core.weights import AS_STORED, Precision, weights_bytes
from paramcalc.errors import ParamcalcError, shorten
from paramcalc.sources.load import load
from paramcalc.units import MOST_BATCH, MOST_TOKENS, parse_percent, parse_tokens

if TYPE_CHECKING:
    from paramcalc.catalogue.sparsity import Sparsity
    from paramcalc.core.lora import Adapter

DEFAULT_CONTEXT = 8192
"""Tokens assumed when none are given, or the model's own context if that is shorter."""
DEFAULT_KV_PRECISION = "bf16"
MIX = "mix"
"""A section of a spec, and the precision that it means."""
EVERY = "all"
"""Stands for all recipes."""
PLAIN = {"memory": "plain", "fit": "plain_fit", "lower": "plain_lower"}
"""The ladders for models whose tensors are not known one by one."""


def workload(
    model: Model,
    *,
    context: int | str | None = None,
    batch: int = 1,
    gpus: int = 1,
    kv_precision: str | None = None,
    engine: str | None = None,
    overhead: str | None = None,
) -> Workload:
    """The options of `memory` and `fit`, checked and with their defaults filled in."""
    return Workload(
        engine=tables.engine(engine),
        kv_format=number_format(kv_precision or DEFAULT_KV_PRECISION),
        context=_context(model, context),
        batch=_whole("batch", batch, MOST_BATCH),
        gpus=_whole("number of GPUs", gpus, fitting.MOST_GPUS),
        **_overhead(model, overhead),
    )


def _context(model: Model, context: int | str | None) -> int:
    if context is None:
        return min(DEFAULT_CONTEXT, model.context or DEFAULT_CONTEXT)
    if isinstance(context, str):
        return parse_tokens(context)
    return _whole("context", context, MOST_TOKENS)


def _whole(what: str, value: object, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise ParamcalcError(
            f"the {what} must be a whole number from 1 to {most:,}, found {shorten(str(value))}"
        )
    return value


def _overhead(model: Model, overhead: str | None) -> dict[str, Any]:
    """The rule of thumb, if it is asked for or if the cache cannot be known."""
    if overhead is not None:
        share = parse_percent(overhead)
        return {"overhead": (share, share), "overhead_source": "as given"}
    if model.architecture is None and model.like is None:
        from fractions import Fraction

        rule = tables.rule_of_thumb()
        both = (Fraction(rule.low), Fraction(rule.high))
        return {"overhead": both, "overhead_source": rule.source}
    return {}


def memory(
    model: object,
    precision: str = "bf16",
    *,
    context: int | str | None = None,
    batch: int = 1,
    kv_precision: str | None = None,
    engine: str | None = None,
    overhead: str | None = None,
    sparsity: str | None = None,
    prune: float | str | None = None,
    explain: bool = False,
) -> Memory:
    """Memory to run a model in a precision.

    ``context`` in tokens (``32768`` or ``"32k"``), ``batch`` in sequences. ``overhead`` such as
    ``"20%"`` takes the rule of thumb in place of the KV cache and the runtime. With ``sparsity``
    (``"2:4"``) or ``prune`` (``0.3``) the weights are stored without their zeros where there is a
    format for that; in any other, zeros take as much as any number.

    >>> memory("llama-3.1-8b", precision="bf16").weights_bytes
    16060522496
    """
    found = load(model)
    work = workload(
        found,
        context=context,
        batch=batch,
        kv_precision=kv_precision,
        engine=engine,
        overhead=overhead,
    )
    pruned = sparse(sparsity, prune)
    one = precisions(found, [precision], pruned=pruned)[-1]
    return inference.memory(found, one, work, explain=explain)


def fit(
    model: object,
    gpu: str | Device,
    precision: str | Sequence[str] | None = None,
    *,
    gpus: int = 1,
    context: int | str | None = None,
    batch: int = 1,
    kv_precision: str | None = None,
    engine: str | None = None,
    overhead: str | None = None,
    sparsity: str | None = None,
    prune: float | str | None = None,
    explain: bool = False,
) -> Fit:
    """Whether a model fits on ``gpus`` equal devices (a name such as ``rtx-4090``, or ``24gb``).

    Without ``precision`` the answer is the best of 16, 8 and 4 bits that fits. ``sparsity`` and
    ``prune`` add what weights with zeros can be stored in without them.
    """
    found = load(model)
    work = workload(
        found,
        context=context,
        batch=batch,
        gpus=gpus,
        kv_precision=kv_precision,
        engine=engine,
        overhead=overhead,
    )
    device = gpu if isinstance(gpu, Device) else tables.device(gpu)
    wanted = [precision] if isinstance(precision, str) else precision
    lower = [*ladder(found, "fit"), *ladder(found, "lower")]
    asked = precisions(found, wanted, "fit", pruned=sparse(sparsity, prune))
    return fitting.fit(found, device, work, asked, lower, explain=explain)


def lora(
    model: object,
    rank: int = 16,
    targets: str | Sequence[str] | None = None,
    *,
    dora: bool = False,
    save: Sequence[str] = (),
) -> Adapter:
    """The low-rank adapter that peft makes: its tensors, parameters and bytes.

    ``targets`` are names of modules (``["q_proj", "v_proj"]``), patterns with ``*``, or
    ``"all-linear"``; without them it is peft's choice for the architecture. Of the modules in
    ``save`` a copy is trained and saved.

    >>> lora("llama-3.1-8b", rank=16).parameters
    6815744
    """
    from paramcalc.catalogue.adapters import lora_rules
    from paramcalc.core.lora import Options, adapter

    found = load(model)
    names = (targets,) if isinstance(targets, str) else tuple(targets or ())
    return adapter(found, Options(rank, names, dora, tuple(save)), lora_rules(found.architecture))


def ladder_sizes(model: Model) -> list[tuple[str, int]]:
    """Bytes of the weights alone in the usual number formats, by name."""
    if model.is_undisclosed:
        return []
    rows = [number_format(name) for name in tables.ladder("plain")]
    return [(f.name, weights_bytes(model, f)) for f in _with_own(model, rows)]


def comparison(model: Model, *, context: int | str | None = None, batch: int = 1) -> dict[str, Any]:
    """The facts that ``compare`` puts side by side; None where one is not known."""
    counts = model.parameters
    known = not model.is_undisclosed
    facts: dict[str, Any] = {
        "architecture": model.architecture,
        "exactness": model.exactness,
        "parameters": counts.total if known else None,
        "active": counts.active if known and model.is_counted else None,
        "embedding": counts.embedding if known and model.is_counted else None,
        "tensors": model.tensor_count if known and model.is_counted else None,
        "context_tokens": model.context,
        "licence": model.card.get("licence"),
        "released": model.card.get("released"),
    }
    facts |= {f"weights_{name}_bytes": None for name in tables.ladder("plain")}
    facts |= {f"weights_{name}_bytes": size for name, size in ladder_sizes(model)}
    facts |= {"kv_cache_bytes": None, "kv_cache_tokens": None}
    if model.architecture:
        work = workload(model, context=context, batch=batch)
        facts["kv_cache_bytes"] = inference.kv_cache_bytes(
            model, work.context, work.batch, work.kv_format
        )
        facts["kv_cache_tokens"] = work.context
    return facts


def precisions(
    model: Model,
    names: Sequence[str] | None,
    which: str = "memory",
    *,
    pruned: Sparsity | None = None,
) -> list[Precision]:
    """The formats and recipes of these names, or of a ladder; of pruned weights also without zeros.

    Of a file the ladder begins with it as it is stored, of a model that is published quantized
    with that recipe. ``stored`` names the formats that a file's tensors have in it, ``all`` every
    recipe that can be had.
    """
    found = _with_own(model, ladder(model, which)) if names is None else _named(model, names)
    if pruned is None:
        return found
    from paramcalc.catalogue.sparsity import with_sparse

    return with_sparse(found, pruned)


def _named(model: Model, names: Sequence[str]) -> list[Precision]:
    found: list[Precision] = []
    for name in names:
        if str(name).lower() == EVERY:
            found += every(model)
        elif name == MIX and model.mix:
            found.append(_own_mix(model))
        elif str(name).lower() != AS_STORED.name:
            found += formats([name])
        elif model.stored_bytes is None:
            raise ParamcalcError(
                f"{model.name} is no file with tensors", "`stored` is what a checkpoint holds"
            )
        else:
            found.append(AS_STORED)
    return _distinct(found)


def sparse(sparsity: str | None, prune: float | str | None) -> Sparsity | None:
    """How weights are pruned, from the options; None if they are not."""
    if sparsity is None and prune is None:
        return None
    from paramcalc.catalogue.sparsity import sparsity as checked

    return checked(sparsity, prune)


def every(model: Model) -> list[Precision]:
    """The usual formats and all recipes that the model can be had in, largest first."""
    found: list[tuple[int, Precision]] = []
    for one in formats([*tables.ladder("plain"), *tables.recipe_names()]):
        try:
            found.append((weights_bytes(model, one), one))
        except ParamcalcError:
            # Rows that no block divides, or tensors that are not known one by one.
            continue
    return [one for _, one in sorted(found, key=lambda pair: -pair[0])]


def _own_mix(model: Model) -> Precision:
    """The formats that a spec gives its tensors."""
    from paramcalc.catalogue.mixes import mix

    return mix(model.mix, MIX, number_format, "the spec's own `mix`", MIX)


def published(model: Model) -> Precision | None:
    """The recipe that a model's configuration says it is published in."""
    if not is_quantized(model.configuration):
        return None
    from paramcalc.catalogue import recipes

    return recipes.published(model.configuration, number_format)


def _distinct(found: Sequence[Precision]) -> list[Precision]:
    return list({one.name: one for one in found}.values())


def ladder(model: Model, which: str) -> list[Precision]:
    """The precisions of a ladder; recipes need to know the tensors one by one."""
    if model.is_counted:
        return formats(tables.ladder(which))
    return [number_format(name) for name in tables.ladder(PLAIN[which])]


def _with_own(model: Model, usual: Sequence[Precision]) -> list[Precision]:
    """The rows that take less than the model as it comes, after that one."""
    own = AS_STORED if model.stored_bytes is not None else published(model)
    if model.mix:
        return [_own_mix(model), *usual]
    if own is None:
        return list(usual)
    # To keep a model in more bytes than it comes in gains nothing.
    size = weights_bytes(model, own)
    below = [one for one in usual if weights_bytes(model, one) < size]
    return [own, *(one for one in below if one.name != own.name)]


def formats(names: Sequence[str]) -> list[Precision]:
    """The formats and recipes of these names, each once."""
    return _distinct([tables.precision(name) for name in names])


__all__ = ["DEFAULT_CONTEXT", "fit", "formats", "load", "lora", "memory", "workload"]
