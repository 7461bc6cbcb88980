"""``paramcalc show``."""

from __future__ import annotations

from paramcalc.cli import options
from paramcalc.cli.options import chosen_format, only_yaml, settings


def run(
    model: options.ModelArgument,
    entry: options.AsEntry = False,
    set_: options.Set = None,
    mtp: options.Mtp = False,
    assume: options.Assume = None,
    form: options.Form = "table",
    json: options.Json = False,
    color: options.Color = "auto",
    debug: options.Debug = False,
) -> int:
    """Show a model's card: what it is, where it comes from, its hyperparameters."""
    form = chosen_format(form, json, color)
    if entry:
        only_yaml("--entry", form)

    from paramcalc.report import cards
    from paramcalc.report.output import emit
    from paramcalc.sources.load import load

    found = load(model, overrides=settings(set_), mtp=mtp, assume=assume)
    if entry:
        cards.write_entry(found)
        return 0
    emit(
        form,
        "show",
        lambda: [cards.show_record(found)],
        lambda: cards.show_page(found),
        colour=color,
    )
    return 0
