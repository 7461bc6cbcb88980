"""The commands by name; each is imported only when it runs."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

COMMANDS = {
    "count": "parameters: total, active, embedding; by module, layer or tensor",
    "memory": "bytes per precision, plus KV cache and overhead",
    "fit": "does it fit on a GPU, and if not, what would",
    "compare": "two to six models side by side",
    "show": "the card: hyperparameters, licence, context, source",
    "list": "models, precisions, gpus, engines, architectures",
    "check": "validate spec, configuration and catalogue files",
    "verify": "hold a model against the header of a checkpoint",
    "schema": "the JSON Schema of a command's document",
    "completion": "the completion script for a shell",
}
EPILOG = """\
MODEL is a catalogue name, a bare size (70b), a layer spec, a config.json or its folder, a
safetensors or GGUF checkpoint, - for standard input, or a hub id: org/name, org/name@revision,
org/name:file.gguf. Only a hub id that the catalogue does not have uses the network (with
paramcalc[hub] installed); headers are fetched, never weights.

Exit codes: 0 answered, 1 answered and the answer is no, 2 could not answer, 70 a bug,
130 interrupted, 141 the reader of the output went away.

Environment: NO_COLOR, FORCE_COLOR, COLUMNS, TERM; PARAMCALC_DATA names a folder with data files
of your own (models.yaml, hardware.yaml, architectures/…), looked at before the shipped ones.
Of a hub id: HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE, HF_HUB_CACHE, HF_HUB_DOWNLOAD_TIMEOUT.
"""


class PlainCommand(TyperCommand):
    """A command whose usage line names its arguments as the help below it does."""

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        names = [p.metavar or "" for p in self.params if p.param_type_name == "argument"]
        formatter.write_usage(ctx.command_path, " ".join(["[OPTIONS]", *names]))


class LazyGroup(TyperGroup):
    """Looks a command up by its name without importing the others."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return load_command(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from paramcalc.errors import ParamcalcError, did_you_mean, shorten

            hint = did_you_mean(args[0], COMMANDS) or f"commands: {', '.join(COMMANDS)}"
            raise ParamcalcError(f"no command named `{shorten(args[0])}`", hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        for paragraph in EPILOG.split("\n\n"):
            formatter.write_paragraph()
            formatter.write_text(paragraph)


def load_command(name: str) -> Any:
    """The command of one module, made by Typer."""
    module = import_module(f"paramcalc.cli.{name}_command")
    app = _app(add_completion=False)
    bare = name in ("count", "memory", "fit", "show", "compare")
    app.command(name, cls=PlainCommand, no_args_is_help=bare)(module.run)
    return typer.main.get_command(app)


def _app(**settings: Any) -> typer.Typer:
    # Plain help: boxed help costs twice the time of the whole command.
    return typer.Typer(
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        **settings,
    )


def _version(value: bool) -> None:
    if value:
        from paramcalc import __version__

        typer.echo(f"paramcalc {__version__}")
        raise typer.Exit


def command(*, completing: bool = False) -> Any:
    """The whole command line; while a shell asks what could follow, with Typer's own answers."""
    app = _app(cls=LazyGroup, no_args_is_help=True, add_completion=completing)

    @app.callback()
    def root(
        version: bool = typer.Option(
            False, "--version", "-V", help="Print the version.", is_eager=True, callback=_version
        ),
    ) -> None:
        """How many parameters a model has, what it takes in memory, and whether it fits."""

    return typer.main.get_command(app)
