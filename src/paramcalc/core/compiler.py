"""From a document to a `Spec`. Finds every problem of the document at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from paramcalc.core.document import SECTIONS, Document, bare_name, is_document
from paramcalc.core.expression import Expression
from paramcalc.core.fields import FieldReader
from paramcalc.core.keys import MODULE_PATH, Key, parse_key, split_path
from paramcalc.core.names import indexed, templated
from paramcalc.core.spec import Block, Function, Spec, Tie
from paramcalc.core.tree import Module, TreeReader, Use
from paramcalc.errors import ParamcalcError, did_you_mean, shorten

_SIGNS_OF_A_DOCUMENT = ("config", "let", "tied")
_DEEPEST_USE = 30
_ONLY_IN_ENTRIES = "`$active` stands in the module whose copies it counts"


class DocumentCompiler(FieldReader):
    """Compiles one document; what is wrong gathers in ``problems``."""

    def __init__(self, document: Document, name: str) -> None:
        sections = any(isinstance(document.get(key), Mapping) for key in _SIGNS_OF_A_DOCUMENT)
        if not is_document(document) and not sections:
            document = {"modules": document}
        self.document = {str(key): value for key, value in document.items()}
        self.name = name
        super().__init__()
        self.defined: dict[tuple[str, str], str] = {}

    def compile(self) -> Spec:
        """The spec, or all the problems together."""
        self.check_sections()
        fields = {key: self.field(key, value) for key, value in self.section("config").items()}
        lets = dict(self.let(key, value) for key, value in self.section("let").items())
        reader = TreeReader(self.problems, {*fields, *lets}, self.block_signatures())
        spec = Spec(
            name=self.name,
            fields=fields,
            lets=lets,
            blocks=self.blocks(reader),
            modules=self.body(reader, self.section("modules"), "modules"),
            ties=tuple(self.tie(key, value) for key, value in self.section("tied").items()),
            context=self.context(),
            root=self.root(),
            rename=self.rename(),
            embeddings=self.embeddings(),
            source=self.document.get("source"),
            example=self.section("example"),
            mix=self.section("mix"),
        )
        self.check_names(spec)
        self.check_blocks(spec.blocks)
        if self.problems:
            raise ParamcalcError(list(dict.fromkeys(self.problems)))
        return spec

    def check_sections(self) -> None:
        unknown = [key for key in self.document if key not in SECTIONS]
        for key in unknown:
            hint = did_you_mean(key, SECTIONS)
            self.report(f"unknown section `{shorten(key)}`", hint, key, in_key=True)
        if "modules" not in self.document and not did_you_mean("modules", unknown):
            hint = "they are the tree of layers, indented below `modules:`"
            self.report("the document has no `modules`", hint)

    def section(self, name: str) -> Mapping[str, Any]:
        value = self.document.get(name)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.report(f"`{name}` is a mapping of names", None, name, in_key=True)
            return {}
        return {str(key): inner for key, inner in value.items()}

    def body(
        self, reader: TreeReader, tree: Any, *path: str, local: tuple[str, ...] = ()
    ) -> Module:
        """The modules at a path of the document, which nothing repeats as a whole."""
        body = reader.module(tree, path, frozenset(local))
        if body.active:
            here = (*path, "$active")
            self.report("nothing repeats here", _ONLY_IN_ENTRIES, *here, in_key=True)
        return body

    def context(self) -> Expression | None:
        value = self.document.get("context")
        return None if value is None else self.expression(value, "context")

    def root(self) -> str | None:
        value = self.document.get("root")
        if value is None or (isinstance(value, str) and MODULE_PATH.fullmatch(value)):
            return value
        self.report("`root` is the path of a module", "write `root: model`", "root")
        return None

    def rename(self) -> Mapping[str, str]:
        names = {}
        for old, new in self.section("rename").items():
            old_path, new_path = templated(old), templated(str(new))
            sound = isinstance(new, str) and MODULE_PATH.fullmatch(new_path.replace("{}", "0"))
            if not sound or old_path.count("{}") != new_path.count("{}"):
                hint = "write `layers[].attn: layers[].attention`" if "[" in f"{old}{new}" else None
                self.report("`rename` takes paths of modules", hint, "rename", old)
            names[old_path] = new_path
        return names

    def embeddings(self) -> Mapping[str, str]:
        found = self.section("embeddings")
        for end, path in found.items():
            if end not in ("input", "output"):
                hint = did_you_mean(end, ("input", "output"))
                self.report(f"unknown key `{shorten(end)}`", hint, "embeddings", end, in_key=True)
            elif not isinstance(path, str) or not MODULE_PATH.fullmatch(path):
                self.report("`embeddings` takes paths of modules", None, "embeddings", end)
        return found

    def let(self, key: str, value: Any) -> tuple[str, Expression | Function]:
        body = self.expression(value, "let", key) or Expression.of(0)
        name, parameters = self.signature("let", key)
        if "(" not in key:
            return name, body
        if len(parameters) != 1:
            message = f"the function `{shorten(name)}` takes one argument"
            self.report(message, "write `dim(s): …`", "let", key, in_key=True)
        return name, Function(name, parameters[0] if parameters else "_", body, key)

    def signature(self, section: str, key: str) -> tuple[str, tuple[str, ...]]:
        """``name`` or ``name(a, b)`` as name and parameters."""
        _, found, rest = key.partition("(")
        name = bare_name(key)
        parameters = tuple(p.strip() for p in rest.rstrip(") ").split(",") if p.strip())
        well_formed = not found or rest.rstrip().endswith(")")
        if not well_formed or not all(n.isidentifier() for n in (name, *parameters)):
            message = f"`{shorten(key)}` is no name such as `size` or `dim(s)`"
            self.report(message, None, section, key, in_key=True)
        if len(set(parameters)) < len(parameters):
            message = f"`{shorten(key)}` has two parameters of one name"
            self.report(message, None, section, key, in_key=True)
        other = self.defined.setdefault((section, name), key)
        if other != key:
            message = f"`{shorten(name)}` is defined twice"
            self.report(message, f"as `{shorten(other)}`, too", section, key, in_key=True)
        return name, parameters

    def block_signatures(self) -> dict[str, tuple[str, ...]]:
        return dict(self.signature("blocks", key) for key in self.section("blocks"))

    def blocks(self, reader: TreeReader) -> dict[str, Block]:
        blocks = {}
        for key, tree in self.section("blocks").items():
            name = bare_name(key)
            parameters = reader.blocks[name]
            body = self.body(reader, tree, "blocks", key, local=parameters)
            blocks[name] = Block(name, parameters, body)
        return blocks

    def tie(self, key: str, value: Any) -> Tie:
        path = ("tied", key)
        if not isinstance(value, str):
            hint = "write `lm_head.weight: embed_tokens.weight`"
            self.report("expected the path that it is tied to", hint, *path, in_key=True)
            return Tie((), (), None, path)
        target, word, text = value.partition(" if ")
        condition = None
        if word:
            condition = self.expression(text, *path, offset=len(target) + len(word))
        return Tie(self.tie_source(key, path), self.tie_target(target, path), condition, path)

    def tie_source(self, key: str, path: tuple[str, ...]) -> tuple[Key, ...]:
        keys: list[Key] = []
        for part, start in split_path(key):
            try:
                keys.append(parse_key(part))
            except ParamcalcError as error:
                self.problems += error.at(path, in_key=True, offset=start).problems
        if any(part.condition for part in keys):
            hint = f"write `{shorten(key.partition(' if ')[0])}: target if …`"
            message = "the condition of a tie stands behind its target"
            self.report(message, hint, *path, in_key=True)
        return tuple(keys)

    def tie_target(self, text: str, path: tuple[str, ...]) -> tuple[str | Expression, ...]:
        """``layers[i % 2].attn`` as ``layers.``, the expression, ``.attn``."""
        pieces: list[str | Expression] = []
        names = []
        for part, start in split_path(text.strip()):
            name, bracket, rest = part.partition("[")
            names += [name] if name or not bracket else []
            pieces += [".", name] if pieces else [name]
            if bracket:
                offset = len(text) - len(text.lstrip()) + start + len(name) + 1
                index = self.expression(rest.removesuffix("]"), *path, offset=offset)
                pieces += [indexed(name, "")[len(name) :], index or Expression.of(0)]
                names.append("0" if rest.endswith("]") else "]")
        if not MODULE_PATH.fullmatch(".".join(names)):
            message = f"`{shorten(text.strip())}` is no path of a module or tensor"
            self.report(message, "write `layers[0].attn`", *path)
        return tuple(pieces)

    def check_names(self, spec: Spec) -> None:
        """Every name in the defaults, derived sizes and ties exists (the tree checks its own)."""
        known = {*spec.fields, *spec.lets}
        for name, value in self.section("config").items():
            field, written = spec.fields[name], isinstance(value, Mapping)
            self.check(field.default, known, "config", name, *(("default",) if written else ()))
            if field.if_null is not field.default:
                self.check(field.if_null, known, "config", name, "if_null")
            for key, expression in field.fill.items():
                self.check(expression, known, "config", name, "fill", key)
        for key in self.section("let"):
            entry = spec.lets[bare_name(key)]
            if isinstance(entry, Function):
                self.check(entry.body, {*known, entry.parameter}, "let", key)
            else:
                self.check(entry, known, "let", key)
        for tie in spec.ties:
            self.check_tie(tie, known)
        self.check(spec.context, known, "context")

    def check_tie(self, tie: Tie, known: set[str]) -> None:
        repeats = [key.repeat for key in tie.source if key.repeat]
        for repeat in repeats:
            for end in (repeat.start, repeat.stop):
                self.check(end, known, *tie.path, in_key=True)
        variables = {repeat.variable for repeat in repeats}
        self.check(tie.condition, known | variables, *tie.path)
        for piece in tie.target:
            if isinstance(piece, Expression):
                self.check(piece, known | variables, *tie.path)

    def check(
        self, expression: Expression | None, known: set[str], *path: str, in_key: bool = False
    ) -> None:
        for name in sorted(expression.names - known) if expression else ():
            hint = did_you_mean(name, known) or "names stand under `config:` or `let:`"
            span = expression.spans[name] if expression else (0, 0)
            message = f"unknown name `{shorten(name)}` in an expression"
            self.report(message, hint, *path, span=span, in_key=in_key)

    def check_blocks(self, blocks: Mapping[str, Block]) -> None:
        """No block uses itself, directly or through others."""
        depths: dict[str, int] = {}

        def depth(name: str, users: tuple[str, ...]) -> int:
            if name not in depths and len(users) <= _DEEPEST_USE:
                depths[name] = 0
                for use in (u for u in _uses(blocks[name].body) if u.call.name in blocks):
                    if use.call.name in (*users, name):
                        message = f"the block `{shorten(use.call.name)}` uses itself"
                        self.report(message, None, *use.path, span=use.call.span)
                    else:
                        below = depth(use.call.name, (*users, name))
                        depths[name] = max(depths[name], below + 1)
            return depths.get(name, _DEEPEST_USE)

        for name in blocks:
            if depth(name, ()) > _DEEPEST_USE:
                message = f"blocks use each other more than {_DEEPEST_USE} deep"
                self.report(message, None, "blocks", in_key=True)


def _uses(module: Module) -> Iterator[Use]:
    """The blocks that a module uses, in itself or in its modules."""
    yield from (use for use in module.uses if isinstance(use, Use))
    for entry in module.entries:
        if isinstance(entry.node, Use):
            yield entry.node
        elif isinstance(entry.node, Module):
            yield from _uses(entry.node)
