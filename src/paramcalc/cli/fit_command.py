"""``paramcalc fit``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paramcalc.cli import options
from paramcalc.cli.options import chosen_format, named_precisions, settings, whole

if TYPE_CHECKING:
    from paramcalc.report.page import Page


def run(
    model: options.ModelArgument,
    gpu: options.Gpu,
    gpus: options.Gpus = "1",
    precision: options.Precision = None,
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
    exit_zero: options.ExitZero = False,
    quiet: options.Quiet = False,
    form: options.Form = "table",
    json: options.Json = False,
    gib: options.Gib = False,
    color: options.Color = "auto",
    debug: options.Debug = False,
) -> int:
    """Does a model fit on one or more equal GPUs, and if not, what would?

    Without --precision the answer is the best of 16, 8 and 4 bits that fits. Ends with 1 if it
    does not fit.
    """
    form = chosen_format(form, json, color)

    from paramcalc import api
    from paramcalc.report import records
    from paramcalc.report.output import emit
    from paramcalc.report.sparsity import noted, record
    from paramcalc.sources.load import load

    answer = api.fit(
        load(
            model,
            overrides=settings(set_),
            like=like,
            symbolic=explain,
            mtp=mtp,
            assume=assume,
            tied=tied,
            ignore=ignore or (),
        ),
        gpu,
        named_precisions(precision),
        gpus=whole("--gpus", gpus),
        context=context,
        batch=whole("--batch", batch),
        kv_precision=kv_precision,
        engine=engine,
        overhead=overhead,
        sparsity=sparsity,
        prune=prune,
        explain=explain,
    )
    pruned = api.sparse(sparsity, prune)

    def page() -> Page:
        from paramcalc.report.fit import page

        return noted(page(answer, like=like, explain=explain, gib=gib), pruned)

    def document() -> dict[str, Any]:
        part = record(pruned, answer.precisions)
        return records.fit(answer, explain=explain, sparsity=part)

    if not quiet:
        emit(form, "fit", lambda: [document()], page, gib=gib, colour=color)
    return 0 if answer.fits or exit_zero else 1
