"""``paramcalc count``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from paramcalc.cli import options
from paramcalc.cli.options import chosen_format, one_of, only_yaml, settings, whole

if TYPE_CHECKING:
    from paramcalc.core.lora import Adapter, Options
    from paramcalc.core.model import Model
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
    lora: options.Lora = None,
    targets: options.Targets = None,
    dora: options.Dora = False,
    save_modules: options.SaveModules = None,
    spec: options.AsSpec = False,
    explain: options.Explain = False,
    form: options.Form = "table",
    json: options.Json = False,
    gib: options.Gib = False,
    color: options.Color = "auto",
    debug: options.Debug = False,
) -> int:
    """Count parameters: total, active, embedding; by module, layer, kind or tensor.

    With --lora those of an adapter, as peft makes and saves it.
    """
    form = chosen_format(form, json, color)
    one_of("breakdown", by, BREAKDOWNS)
    levels = whole("the depth", depth)
    if spec:
        only_yaml("--spec", form)
    wanted = _adapter(lora, targets, dora=dora, save_modules=save_modules)
    if spec and wanted:
        from paramcalc.errors import ParamcalcError

        raise ParamcalcError("`--spec` is of a model, not of an adapter", "leave `--lora` out")
    if expand and by == "module":
        by = "layer"

    from paramcalc.api import ladder_sizes
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
    adapter = _made(found, wanted, explain=explain)
    how = {"by": by, "expand": expand, "sizes": ladder_sizes(found), "steps": None}
    if explain:
        from paramcalc.core.explain import count_steps

        how["steps"] = count_steps(adapter.model if adapter else found)
    emit(
        form,
        "count",
        lambda: [_answer(found, adapter, how)],
        lambda: _page(found, adapter, how | {"depth": levels, "gib": gib}),
        gib=gib,
        colour=color,
    )
    return 0


def _answer(model: Model, adapter: Adapter | None, how: dict[str, Any]) -> dict[str, Any]:
    from paramcalc.report import records

    part = None
    if adapter:
        from paramcalc.report.lora import record

        part = record(adapter, by=how["by"], expand=how["expand"])
    return records.count(model, **how, lora=part)


def _page(model: Model, adapter: Adapter | None, how: dict[str, Any]) -> Page:
    if adapter:
        from paramcalc.report.lora import page as adapter_page

        del how["sizes"]
        return adapter_page(adapter, **how)
    from paramcalc.report.count import page

    return page(model, **how)


def _adapter(
    rank: str | None,
    targets: list[str] | None,
    *,
    dora: bool,
    save_modules: list[str] | None,
) -> Options | None:
    """The adapter that is asked for, if one is."""
    if rank is not None:
        from paramcalc.core.lora import Options

        return Options(
            whole("the rank", rank), options.names(targets), dora, options.names(save_modules)
        )
    given = {"--targets": targets, "--dora": dora, "--save-modules": save_modules}
    for option, value in given.items():
        if value:
            from paramcalc.errors import ParamcalcError

            raise ParamcalcError(f"`{option}` is about an adapter", "give its rank: `--lora 16`")
    return None


def _made(model: Model, wanted: Options | None, *, explain: bool) -> Adapter | None:
    """The adapter; to be explained, its rank has a name in the formulas."""
    if wanted is None:
        return None
    from paramcalc.catalogue.adapters import lora_rules
    from paramcalc.core.lora import adapter

    if explain:
        from paramcalc.core.trace import Term

        wanted = wanted._replace(rank=Term.named("rank", wanted.rank))
    return adapter(model, wanted, lora_rules(model.architecture))
