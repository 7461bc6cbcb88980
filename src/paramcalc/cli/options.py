"""Options that mean the same in every command."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from paramcalc.cli.complete import formats, gpus, models, precisions

FORMATS = ("table", "json", "csv", "md")
COLORS = ("auto", "always", "never")

ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A name, a size (70b), a hub id, a spec, a config.json, a checkpoint, or -.",
        autocompletion=models,
        show_default=False,
    ),
]
Precision = Annotated[
    list[str] | None,
    typer.Option(
        "--precision",
        "-p",
        metavar="NAME",
        help="A format, a recipe, or a YAML file (repeat, or separate by commas); `all`.",
        autocompletion=precisions,
        show_default=False,
    ),
]
Context = Annotated[
    str | None,
    typer.Option(
        "--context",
        "-c",
        metavar="TOKENS",
        help="Tokens, such as 8192 or 32k.  [default: 8192, or what the model is published for if "
        "that is less]",
    ),
]
Batch = Annotated[str, typer.Option("--batch", "-b", metavar="N", help="Sequences at once.")]
KvPrecision = Annotated[
    str | None,
    typer.Option(
        "--kv-precision",
        metavar="NAME",
        help="Number format of the KV cache.  [default: bf16]",
        autocompletion=precisions,
    ),
]
Engine = Annotated[
    str | None,
    typer.Option("--engine", "-e", metavar="NAME", help="The engine whose runtime is added."),
]
Overhead = Annotated[
    str | None,
    typer.Option(
        "--overhead",
        metavar="PERCENT",
        help="A rule of thumb such as 20% in place of KV cache and runtime.",
    ),
]
Like = Annotated[
    str | None,
    typer.Option(
        "--like",
        metavar="MODEL",
        help="The model whose KV cache a bare size takes.",
        autocompletion=models,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Set a configuration key (repeat).", show_default=False
    ),
]
Mtp = Annotated[
    bool, typer.Option("--mtp", help="Count the layers for multi-token prediction too.")
]
Assume = Annotated[
    str | None,
    typer.Option(
        "--assume",
        metavar="NAME",
        help="The architecture to take for a model_type that is not known (an estimate).",
    ),
]
Tied = Annotated[
    bool | None,
    typer.Option(
        "--tied/--untied",
        help="Of a print-out: heads share the weights of a table of their shape, or do not.",
        show_default=False,
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore",
        metavar="NAME",
        help="Of a print-out: a module or kind that holds only what is printed (repeat).",
        show_default=False,
    ),
]
AsEntry = Annotated[
    bool, typer.Option("--entry", help="Print the entry for a models.yaml of your own.")
]
AsSpec = Annotated[
    bool, typer.Option("--spec", help="Print the layers as a spec, to be edited and counted again.")
]
Lora = Annotated[
    str | None,
    typer.Option(
        "--lora",
        metavar="RANK",
        help="Count a low-rank adapter of this rank: its parameters, tensors and bytes.",
    ),
]
Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--targets",
        metavar="NAMES",
        help="Modules that the adapter is for, such as q_proj,v_proj, or all-linear.  [default: "
        "what peft chooses]",
        show_default=False,
    ),
]
Dora = Annotated[bool, typer.Option("--dora", help="The adapter has magnitudes too (DoRA).")]
SaveModules = Annotated[
    list[str] | None,
    typer.Option(
        "--save-modules",
        metavar="NAMES",
        help="Modules that the adapter holds a trained copy of.",
        show_default=False,
    ),
]
Gpu = Annotated[
    str,
    typer.Option(
        "--gpu",
        "-g",
        metavar="GPU",
        help="A size (24gb, 24GiB) or a name (rtx-4090).",
        autocompletion=gpus,
    ),
]
Gpus = Annotated[str, typer.Option("--gpus", "-n", metavar="N", help="How many equal GPUs.")]
Explain = Annotated[bool, typer.Option("--explain", help="Show the arithmetic.")]
Gib = Annotated[bool, typer.Option("--gib", help="Print GiB (2^30) in place of GB (10^9).")]
Form = Annotated[
    str,
    typer.Option(
        "--format", "-f", metavar="FORM", help="table, json, csv or md.", autocompletion=formats
    ),
]
Json = Annotated[bool, typer.Option("--json", help="The same as --format json.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing; the exit code tells.")]
ExitZero = Annotated[bool, typer.Option("--exit-zero", help="End with 0 whatever the answer is.")]
Color = Annotated[str, typer.Option("--color", metavar="WHEN", help="auto, always or never.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show a traceback with an error.")]


def chosen_format(form: str, json: bool, color: str) -> str:
    """The output format; it and the choice of colour are checked."""
    one_of("choice of colour", color, COLORS)
    if json:
        return "json"
    one_of("format", form, FORMATS)
    return form


def only_yaml(option: str, form: str) -> None:
    """What is a file in YAML has no other format."""
    if form != "table":
        from paramcalc.errors import ParamcalcError

        raise ParamcalcError(f"`{option}` prints YAML, not {form}", "leave the format out")


def one_of(what: str, value: str, known: tuple[str, ...]) -> str:
    """A value that must be one of a few words."""
    if value not in known:
        from paramcalc.errors import ParamcalcError, did_you_mean, shorten

        hint = did_you_mean(value, known) or f"one of: {', '.join(known)}"
        raise ParamcalcError(f"no {what} named `{shorten(value)}`", hint)
    return value


def whole(what: str, text: str) -> int:
    """A whole number above zero."""
    if not text.isascii() or not text.isdigit() or len(text) > 12 or int(text) < 1:
        from paramcalc.errors import ParamcalcError, shorten

        raise ParamcalcError(f"{what} must be a whole number above zero, found `{shorten(text)}`")
    return int(text)


def settings(pairs: list[str] | None) -> dict[str, Any]:
    """``KEY=VALUE`` pairs; a value is written as in YAML."""
    found: dict[str, Any] = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            from paramcalc.errors import ParamcalcError, shorten

            raise ParamcalcError(f"cannot read `{shorten(pair)}`", "write `--set key=value`")
        from paramcalc.catalogue.strict_yaml import load

        found[key.strip()] = load(value or "null", f"--set {key}")
    return found


def names(given: list[str] | None) -> tuple[str, ...]:
    """Names from ``-o a,b -o c``."""
    return tuple(name.strip() for part in given or [] for name in part.split(",") if name.strip())


def named_precisions(given: list[str] | None) -> list[str] | None:
    """Names from ``-p a,b -p c``; None if none is given."""
    return list(names(given)) or None
