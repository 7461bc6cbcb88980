"""The house, read from the syntax trees: who may import whom, and how long a function may be."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "paramcalc"
MODULES = sorted(PACKAGE.rglob("*.py"))

MAX_MODULE_LINES = 350
MAX_FUNCTION_LINES = 50

# Whom each part of the package may import besides itself. A part is a folder or a module at the
# top; `paramcalc` is the public API in __init__.py.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "_version": set(),
    "units": {"errors"},
    "core": {"errors", "units"},
    "catalogue": {"errors", "units", "core"},
    "sources": {"errors", "units", "core", "catalogue", "_version"},
    "report": {"errors", "units", "core", "catalogue", "sources", "_version"},
    "api": {"errors", "units", "core", "catalogue", "sources"},
    "paramcalc": {"errors", "core", "api", "_version"},
    "cli": {"errors", "units", "core", "catalogue", "sources", "report", "api"}
    | {"paramcalc", "_version"},
    "__main__": {"cli"},
}

# Packages beyond the standard library: when a module is loaded, and inside of a function.
AT_LOAD: dict[str, set[str]] = {
    "catalogue": {"yaml"},
    "report": {"rich"},
    "cli": {"typer"},
}
INSIDE: dict[str, set[str]] = {
    "cli": {"rich"},  # the console, the bar
    "sources": {"huggingface_hub"},  # an extra, in one module
}
# What a user hands in, and the schemas of the documents: no other module loads these, except
# inside of the function that validates.
VALIDATION = {
    "catalogue/adapter_schemas.py",
    "catalogue/blame.py",
    "catalogue/check.py",
    "catalogue/check_conversions.py",
    "catalogue/check_rules.py",
    "catalogue/check_schemes.py",
    "catalogue/check_specs.py",
    "catalogue/check_tables.py",
    "catalogue/findings.py",
    "catalogue/rule_schemas.py",
    "catalogue/schemas.py",
    "report/document_parts.py",
    "report/documents.py",
    "report/listed_documents.py",
    "report/memory_documents.py",
    "catalogue/precision_schemas.py",
    "catalogue/scheme_schemas.py",
}
FOR_VALIDATION = {"pydantic", "pydantic_core"}

INPUT_OUTPUT = {"http", "io", "logging", "os", "pathlib", "shutil", "socket", "subprocess"}
INPUT_OUTPUT |= {"tempfile", "urllib"}

# Words that are architectures in data/ and something else in code.
ORDINARY_WORDS = {"align", "bit", "clip", "git", "gte", "led", "opt", "time"}
# Families that must not appear even before data/ has a file of theirs.
FAMILIES = {
    "bert", "bloom", "deepseek", "falcon", "gemma", "glm", "gpt2", "gpt_oss", "jamba", "llama",
    "llava", "mamba", "mistral", "mixtral", "nemotron", "olmo", "phi", "phi3", "qwen", "qwen2",
    "qwen3", "rwkv", "swin", "t5", "whisper",
}  # fmt: skip

QUANTITY = re.compile(r"(^|_)(bytes|numel|tokens|parameters)$")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def part_of(path: Path) -> str:
    """The part of the house that a file belongs to."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "paramcalc" if first == "__init__" else first


TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}
PARTS = {part_of(path) for path in MODULES} | {
    path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"
}

every_module = pytest.mark.parametrize("path", MODULES, ids=relative)


def imports(tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    """Each import as a dotted name: `from a.b import c` is `a.b.c`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the direction"
            for alias in node.names:
                yield node, f"{node.module}.{alias.name}"


def part_imported(dotted: str) -> str:
    """The part that `paramcalc.x.y` belongs to; a name of the public API is `paramcalc`."""
    second = dotted.split(".")[1] if "." in dotted else ""
    return second if second in PARTS else "paramcalc"


def for_typing_only(tree: ast.AST) -> set[ast.stmt]:
    """What stands under `if TYPE_CHECKING:`."""
    return {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
        if isinstance(inner, ast.stmt)
    }


def inside_functions(tree: ast.AST) -> set[ast.stmt]:
    return {
        inner
        for node in functions(tree)
        for inner in ast.walk(node)
        if isinstance(inner, ast.stmt) and inner is not node
    }


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body: options with their help are data, however many there are."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    if not body:
        return 0
    assert body[-1].end_lineno is not None
    return body[-1].end_lineno - body[0].lineno + 1


def docstrings(tree: ast.AST) -> set[ast.expr]:
    """Texts that stand alone: they document and decide nothing."""
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def spelled(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every identifier and every text that the program can act upon, with its line."""
    ignored = docstrings(tree)
    for node in ast.walk(tree):
        if node in ignored:
            continue
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield line, node.value
        for field in ("id", "attr", "arg", "name", "asname"):
            word = getattr(node, field, None)
            if isinstance(word, str):
                yield line, word


def names_of_models() -> set[str]:
    """Architectures and models in data/, and the families that they belong to."""
    names = set(FAMILIES)
    names |= {path.stem for path in (ROOT / "data" / "architectures").glob("*.yaml")}
    models = ROOT / "data" / "models.yaml"
    if models.exists():
        names |= set(re.findall(r"^([\w.-]+):", models.read_text("utf-8"), flags=re.MULTILINE))
    names |= {name.rstrip("0123456789") for name in names if re.fullmatch(r"[a-z]+\d+", name)}
    return {name.lower().replace("-", "_") for name in names if len(name) > 1} - ORDINARY_WORDS


@every_module
def test_imports_go_one_way(path: Path) -> None:
    part = part_of(path)
    assert part in MAY_IMPORT, f"say in MAY_IMPORT whom {part} may import"
    found = {
        part_imported(dotted)
        for _, dotted in imports(TREES[path])
        if dotted.split(".")[0] == "paramcalc"
    }
    assert found <= MAY_IMPORT[part] | {part}


@every_module
def test_packages_stay_in_their_folders(path: Path) -> None:
    tree, part = TREES[path], part_of(path)
    lazy = inside_functions(tree) | for_typing_only(tree)
    for node, dotted in imports(tree):
        package = dotted.split(".")[0]
        if package in sys.stdlib_module_names or package == "paramcalc":
            continue
        allowed = AT_LOAD.get(part, set())
        if path.relative_to(PACKAGE).as_posix() in VALIDATION:
            allowed = allowed | FOR_VALIDATION
        if node in lazy:
            allowed = allowed | INSIDE.get(part, set())
        assert package in allowed, f"{relative(path)}:{node.lineno} imports {package}"


@every_module
def test_validation_is_loaded_only_to_validate(path: Path) -> None:
    if path.relative_to(PACKAGE).as_posix() in VALIDATION:
        return
    modules = {f"paramcalc.{file.removesuffix('.py').replace('/', '.')}" for file in VALIDATION}
    tree = TREES[path]
    lazy = inside_functions(tree) | for_typing_only(tree)
    for node, dotted in imports(tree):
        # `import a.b`, `from a import b` and `from a.b import c`
        found = {dotted, dotted.rpartition(".")[0]} & modules
        assert node in lazy or not found, f"{relative(path)}:{node.lineno} imports {found}"


@pytest.mark.parametrize(
    "command",
    [
        ["count", "gpt2", "--json"],
        ["memory", "gpt2", "--json"],
        ["fit", "gpt2", "--gpu", "24gb"],
        ["count", "7b"],
        ["list", "gpus", "--json"],
    ],
    ids=" ".join,
)
def test_an_answer_does_not_load_pydantic(command: list[str]) -> None:
    program = (
        "import sys; from paramcalc.cli.main import main; code = main(sys.argv[1:]);"
        "assert not {'pydantic', 'pydantic_core'} & sys.modules.keys(); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@every_module
def test_core_neither_reads_nor_writes(path: Path) -> None:
    if part_of(path) not in {"core", "errors", "units"}:
        return
    for node, dotted in imports(TREES[path]):
        assert dotted.split(".")[0] not in INPUT_OUTPUT, f"{relative(path)}:{node.lineno}"
    for call in ast.walk(TREES[path]):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            assert call.func.id not in {"open", "print", "input"}, f"{relative(path)}:{call.lineno}"


@every_module
def test_a_module_is_short(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= MAX_MODULE_LINES


@every_module
def test_a_function_is_short(path: Path) -> None:
    long = {node.name: length(node) for node in functions(TREES[path])}
    assert {name: lines for name, lines in long.items() if lines > MAX_FUNCTION_LINES} == {}


def test_most_functions_are_very_short() -> None:
    lengths = [length(node) for tree in TREES.values() for node in functions(tree)]
    assert statistics.median(lengths) <= 10
    assert statistics.quantiles(lengths, n=10)[-1] <= 25


@every_module
def test_no_model_is_named_in_code(path: Path) -> None:
    names = "|".join(sorted(map(re.escape, names_of_models()), key=len, reverse=True))
    # A digit may follow a name (qwen2), a letter may not (philosophy).
    word = re.compile(rf"(?<![a-z0-9])(?:{names})(?![a-z])", re.IGNORECASE)
    found = [
        f"{relative(path)}:{line} {text!r}"
        for line, text in spelled(TREES[path])
        if word.search(text.replace("-", "_"))
    ]
    assert found == []


@every_module
def test_the_outer_layers_do_not_calculate(path: Path) -> None:
    part = part_of(path)
    if part not in {"report", "cli"}:
        return
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.BinOp | ast.AugAssign):
            where = f"{relative(path)}:{node.lineno} {ast.unparse(node)}"
            scales = isinstance(node.op, ast.Mult | ast.Pow | ast.FloorDiv | ast.Mod | ast.Div)
            # The report lays out bars and columns; the command line does not even that.
            assert not (scales and part == "cli"), where
            assert not isinstance(node.op, ast.Pow), where
            assert not quantities(node), where


def quantities(node: ast.BinOp | ast.AugAssign) -> set[str]:
    """Figures of the answer among the operands: no sum of bytes or tokens is made here."""
    sides = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
    names = {
        side.id if isinstance(side, ast.Name) else side.attr
        for side in sides
        if isinstance(side, ast.Name | ast.Attribute)
    }
    return {name for name in names if QUANTITY.search(name)}


# The tests above are worth something only if they see what they look for.
@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = 'llama'", ["x", "llama"]),
        ("def llama(qwen): ...", ["llama", "qwen"]),
        ("import a.llama as b", ["a.llama", "b"]),
        ("'''Like llama.'''", []),  # a docstring decides nothing
        ("f'{x}-llama'", ["x", "-llama"]),
    ],
)
def test_spelled_finds_names_and_texts(source: str, words: list[str]) -> None:
    assert sorted(word for _, word in spelled(ast.parse(source))) == sorted(words)


def test_imports_are_found_everywhere() -> None:
    tree = ast.parse("import a.b\nfrom c import d\ndef f():\n    from paramcalc.core import g\n")
    assert [dotted for _, dotted in imports(tree)] == ["a.b", "c.d", "paramcalc.core.g"]
    lazy = inside_functions(tree)
    assert [node in lazy for node, _ in imports(tree)] == [False, False, True]


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("a.total_bytes + b", {"total_bytes"}),
        ("numel - 1", {"numel"}),
        ("width - 1", set()),
        ("'bytes' + x", set()),
    ],
)
def test_quantities_are_known_by_their_names(expression: str, found: set[str]) -> None:
    node = ast.parse(expression, mode="eval").body
    assert isinstance(node, ast.BinOp)
    assert quantities(node) == found
