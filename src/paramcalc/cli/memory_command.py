"""``paramcalc memory``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from paramcalc.cli import options
from paramcalc.cli.options import chosen_format, named_precisions, one_of, settings, whole

if TYPE_CHECKING:
    from paramcalc.report.page import Page


BREAKDOWNS = ("precision", "type", "tensor")


def run(
    model: options.ModelArgument,
    precision: options.Precision = None,
    by: Annotated[
        str, typer.Option("--by", metavar="WHAT", help="The weights by type or tensor.")
    ] = "precision",
    context: options.Context = None,
    batch: options.Batch = "1",
    kv_precision: options.KvPrecision = None,
    engine: options.Engine = None,
    overhead: options.Overhead = None,
    sparsity: options.Sparsity = None,
    prune: options.Prune = None,
    like: options.Like = None,
    set_: options.Set = None,
    mtp: options.Mtp = False,
    assume: options.Assume = None,
    tied: options.Tied = None,
    ignore: options.Ignore = None,
    explain: options.Explain = False,
    form: options.Form = "table",
    json: options.Json = False,
    gib: options.Gib = False,
    color: options.Color = "auto",
    debug: options.Debug = False,
) -> int:
    """Memory to run a model: weights in each precision, KV cache, and what the runtime adds."""
    form = chosen_format(form, json, color)
    one_of("breakdown", by, BREAKDOWNS)

    from paramcalc.api import precisions, sparse, workload
    from paramcalc.core.inference import memory
    from paramcalc.report import records
    from paramcalc.report.output import emit
    from paramcalc.report.sparsity import noted, record
    from paramcalc.sources.load import load

    found = load(
        model,
        overrides=settings(set_),
        like=like,
        symbolic=explain,
        mtp=mtp,
        assume=assume,
        tied=tied,
        ignore=ignore or (),
    )
    work = workload(
        found,
        context=context,
        batch=whole("--batch", batch),
        kv_precision=kv_precision,
        engine=engine,
        overhead=overhead,
    )
    pruned = sparse(sparsity, prune)
    asked = precisions(found, named_precisions(precision), pruned=pruned)
    detail = by != BREAKDOWNS[0]
    rows = [memory(found, one, work, explain=explain, with_file=detail) for one in asked]
    lists = [records.stored_tensors(found, one) for one in asked] if by == "tensor" else None

    def page() -> Page:
        from paramcalc.report.memory import page

        plain = page(found, rows, like=like, explain=explain, by=by, tensors=lists)
        return noted(plain, pruned)

    def answer() -> dict[str, Any]:
        part = record(pruned, rows)
        return records.memory(found, rows, explain=explain, tensors=lists, sparsity=part)

    emit(form, "memory", lambda: [answer()], page, gib=gib, colour=color)
    return 0
