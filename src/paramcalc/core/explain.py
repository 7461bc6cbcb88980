"""The steps of a count: each group of tensors by its formula, then their sums."""

from __future__ import annotations

from paramcalc.core.breakdown import by_tensor
from paramcalc.core.model import Model, TensorGroup
from paramcalc.core.trace import Step, Term, Trace


def count_steps(model: Model) -> list[Step]:
    """How the parameters of a symbolically expanded model come about.

    A group's formula is its repeats times its shape, in the configuration's own names.
    """
    trace = Trace()
    total: int = 0
    active: int = 0
    for name, group in by_tensor(model):
        if group.trained:
            numel = trace.note(name, _by_shape(group), "parameters")
            total = total + numel
            used = group.active_numel
            unused = int(used) != int(numel)
            active = active + (
                trace.note(f"{name}, active", used, "parameters") if unused else numel
            )
    trace.note("total", total, "parameters", model.source or "", model.exactness)
    if int(active) != int(total):
        trace.note("active", active, "parameters", "", model.exactness)
    return trace.steps


def _by_shape(group: TensorGroup) -> int:
    """The elements of a group; where all sizes are plain numbers, still as count times shape."""
    sizes = [*([group.count] if group.count > 1 else []), *group.shape]
    if isinstance(group.numel, Term) or len(sizes) < 2:
        return group.numel
    return Term.make(group.numel, " * ".join(map(str, sizes)), {})
