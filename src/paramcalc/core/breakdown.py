"""Where the parameters are: by module, by layer, by kind. Each is a fold over the groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from paramcalc.core.model import Model, TensorGroup
from paramcalc.errors import ParamcalcError

NORMS = "norms"
MOST_LAYERS = 100_000
"""Looking at more layers than this one by one is refused."""


class Node:
    """A module: its trained parameters in all copies, and how often it repeats in its parent.

    ``name`` is the dotted path from the top, without indices: ``model.layers.self_attn``.
    """

    __slots__ = ("categories", "children", "indices", "name", "numel")

    def __init__(self, name: str, numel: int = 0) -> None:
        self.name = name
        self.numel = numel
        self.indices: set[Sequence[int]] = set()
        self.categories: set[str] = set()
        self.children: dict[str, Node] = {}

    @property
    def count(self) -> int:
        return _united(self.indices) or 1

    @property
    def repeats(self) -> bool:
        return bool(self.indices)

    @property
    def label(self) -> str:
        return self.name.rpartition(".")[2]


def _united(indices: Iterable[Sequence[int]]) -> int:
    """How many numbers there are in all: a billion equal layers cost no more than two."""
    runs: list[tuple[int, int]] = []
    for numbers in indices:
        if isinstance(numbers, range) and numbers.step == 1:
            runs.append((numbers.start, numbers.stop))
        else:
            runs += [(number, number + 1) for number in numbers]
    count, end = 0, 0
    for start, stop in sorted(runs):
        count += max(0, stop - max(start, end))
        end = max(end, stop)
    return count


def module_tree(model: Model) -> Node:
    """All modules as a tree; tensors themselves are not nodes, except raw ones at the top."""
    root = Node("")
    for group in model.groups:
        if group.trained:
            _add(root, group)
    return root


def _add(root: Node, group: TensorGroup) -> None:
    root.numel += group.numel
    node, position = root, 0
    parts = group.template.split(".")
    # The last part is the tensor's own name; a raw tensor at the top stands for itself.
    for part in parts[:-1] or parts:
        if part == "{}":
            node.indices.add(group.indices[position])
            position += 1
            continue
        path = f"{node.name}.{part}" if node.name else part
        node = node.children.setdefault(part, Node(path))
        node.numel += group.numel
        node.categories.add(group.category)


def outline(root: Node) -> list[Node]:
    """The nodes to show first: wrappers around repeated modules give way to what they hold."""
    shown: list[Node] = []
    for node in root.children.values():
        shown += outline(node) if not node.repeats and _holds_repeats(node) else [node]
    return shown


def _holds_repeats(node: Node) -> bool:
    return any(child.repeats or _holds_repeats(child) for child in node.children.values())


def folded_norms(children: Iterable[Node]) -> list[Node]:
    """Several norms beside each other as one line; everything else as it stands."""
    children = list(children)
    norms = [c for c in children if c.categories == {NORMS} and not c.children]
    if len(norms) < 2:
        return children
    folded = Node(NORMS, sum(norm.numel for norm in norms))
    return [*(child for child in children if child not in norms), folded]


class Line(NamedTuple):
    """A row of a breakdown: a name, trained parameters, and how many tensors they are in."""

    name: str
    numel: int
    tensors: int


def by_kind(model: Model) -> list[Line]:
    """By the kind of layer that owns the parameters, largest first."""
    lines = _folded(model.groups, lambda group: group.kind)
    return sorted(lines, key=lambda line: -line.numel)


def by_category(model: Model) -> dict[str, int]:
    """Weights, biases, embeddings and norms; all four, in this order."""
    found = model.folded(lambda group: group.category)
    return {name: found.get(name, 0) for name in ("weights", "biases", "embeddings", NORMS)}


def by_layer(model: Model, *, expand: bool = False) -> list[Line]:
    """By the outermost repeated module; equal neighbours are one row unless expanded."""
    lines: list[Line] = []
    layers: dict[str, dict[int, tuple[int, int]]] = {}
    order: dict[str, list[TensorGroup]] = {}
    for group in model.groups:
        before, found, _ = group.template.partition(".{}")
        if not group.trained:
            continue
        order.setdefault(before if found else group.template.rpartition(".")[0], []).append(group)
        if found:
            share = len(group.indices[0])
            if share > MOST_LAYERS:
                raise ParamcalcError(
                    f"{model.name} has more than {MOST_LAYERS:,} layers, too many to look at each",
                    "a breakdown by module or kind takes them together",
                )
            for index in group.indices[0]:
                numel, count = layers.setdefault(before, {}).get(index, (0, 0))
                more = (numel + group.numel // share, count + group.count // share)
                layers[before][index] = more
    for name, groups in order.items():
        if name in layers:
            lines += _runs(name, layers[name], expand=expand)
        else:
            numel, count = sum(g.numel for g in groups), sum(g.count for g in groups)
            lines.append(Line(name or groups[0].template, numel, count))
    return lines


def _runs(name: str, layers: dict[int, tuple[int, int]], *, expand: bool) -> list[Line]:
    """Layers in order, neighbours of equal size together: ``layers.0-2``, ``layers.3-60``."""
    runs: list[list[int]] = []
    for index in sorted(layers):
        joins = runs and not expand and layers[runs[-1][0]] == layers[index]
        if joins and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return [
        Line(
            f"{name}.{run[0]}" if len(run) == 1 else f"{name}.{run[0]}-{run[-1]}",
            sum(layers[index][0] for index in run),
            sum(layers[index][1] for index in run),
        )
        for run in runs
    ]


def by_tensor(model: Model) -> list[tuple[str, TensorGroup]]:
    """Groups of equal tensors, their indices as ranges: ``layers.0-31.mlp.up_proj.weight``."""
    return [(group_name(group), group) for group in model.groups]


def group_name(group: TensorGroup) -> str:
    """The name of a group with its indices as ranges."""
    return group.template.format(*(_range_text(numbers) for numbers in group.indices))


def _range_text(numbers: Sequence[int]) -> str:
    """``0-31``, ``0-10/2`` (every second), ``0,3,7``."""
    if len(numbers) == 1:
        return str(numbers[0])
    step = numbers[1] - numbers[0]
    if isinstance(numbers, range) or numbers == tuple(range(numbers[0], numbers[-1] + 1, step)):
        every = "" if step == 1 else f"/{step}"
        return f"{numbers[0]}-{numbers[-1]}{every}"
    return ",".join(map(str, numbers))


def _folded(groups: Iterable[TensorGroup], key: Callable[[TensorGroup], str]) -> list[Line]:
    sums: dict[str, tuple[int, int]] = {}
    for group in groups:
        if group.trained:
            numel, count = sums.get(key(group), (0, 0))
            sums[key(group)] = (numel + group.numel, count + group.count)
    return [Line(name, numel, count) for name, (numel, count) in sums.items()]


def share_of(numel: int, model: Model) -> float:
    """The part of a model's parameters that these are: a ratio to print."""
    return numel / (model.parameters.total or 1)
