"""``paramcalc count``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from paramcalc.cli import options
from paramcalc.cli.options import chosen_format, one_of, only_yaml, settings, whole

if TYPE_CHECKING:
    from paramcalc.report.page import Page

BREAKDOWNS = ("module", "layer", "kind", "tensor")


def run(
    model: options.ModelArgument,
    by: Annotated[
        str, typer.Option("--by", metavar="WHAT", help="module, layer, kind or tensor.")
    ] = "module",
    depth: Annotated[
        str, typer.Option("--depth", metavar="N", help="Levels of modules to show.")
    ] = "2",
    expand: Annotated[
        bool, typer.Option("--expand", help="Show every repeated layer or tensor on its own.")
    ] = False,
    set_: options.Set = None,
    mtp: options.Mtp = False,
    assume: options.Assume = None,
    tied: options.Tied = None,
    ignore: options.Ignore = None,
    spec: options.AsSpec = False,
    explain: options.Explain = False,
    form: options.Form = "table",
    json: options.Json = False,
    gib: options.Gib = False,
    color: options.Color = "auto",
    debug: options.Debug = False,
) -> int:
    """Count parameters: total, active, embedding; by module, layer, kind or tensor."""
    form = chosen_format(form, json, color)
    one_of("breakdown", by, BREAKDOWNS)
    levels = whole("the depth", depth)
    if spec:
        only_yaml("--spec", form)
    if expand and by == "module":
        by = "layer"

    from paramcalc.api import ladder_sizes
    from paramcalc.report import records
    from paramcalc.report.output import emit
    from paramcalc.sources.load import load

    found = load(
        model,
        overrides=settings(set_),
        symbolic=explain and not spec,
        mtp=mtp,
        assume=assume,
        tied=tied,
        ignore=ignore or (),
    )
    if spec:
        from paramcalc.report.spec import write_spec

        write_spec(found)
        return 0
    sizes = ladder_sizes(found)
    steps = None
    if explain:
        from paramcalc.core.explain import count_steps

        steps = count_steps(found)

    def page() -> Page:
        from paramcalc.report.count import page

        return page(found, by=by, expand=expand, depth=levels, sizes=sizes, steps=steps, gib=gib)

    emit(
        form,
        "count",
        lambda: [records.count(found, by=by, expand=expand, sizes=sizes, steps=steps)],
        page,
        gib=gib,
        colour=color,
    )
    return 0
