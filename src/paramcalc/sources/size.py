"""A bare size such as ``70b``: a count without an architecture."""

from __future__ import annotations

from paramcalc.core.model import ESTIMATED, UNKNOWN_TENSORS, Model, TensorGroup


def model_of_size(name: str, parameters: int) -> Model:
    """So many parameters of unknown shape, and no cache."""
    return Model(
        name,
        (unknown_tensors(parameters),),
        exactness=ESTIMATED,
        source="the size as given",
    )


def unknown_tensors(parameters: int) -> TensorGroup:
    """Parameters of which only the number is known."""
    return TensorGroup(UNKNOWN_TENSORS, (), (parameters,), "Parameter", 1, parameters)


def with_cache_of(model: Model, other: Model) -> Model:
    """``model`` with the cache of ``other``, which stands in for it."""
    return model._replace(caches=other.caches, like=other.name, stand_in=other)
