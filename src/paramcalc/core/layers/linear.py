"""Dense layers, embeddings, and the two kinds of raw tensor.

Source, unless a docstring says otherwise: torch.nn, modules ``linear``, ``sparse``,
``activation``, ``adaptive`` and ``loss``. ``[a, b]`` is a tensor's shape.
"""

# ruff: noqa: ARG001, PLR0917 - the signatures are torch's, whether an argument matters or not

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from paramcalc.core.layers import checks
from paramcalc.core.layers.slot import Kind, Slot, under
from paramcalc.errors import ParamcalcError, did_you_mean


def linear(in_features: int, out_features: int, bias: bool = True) -> list[Slot]:
    """``weight`` [out_features, in_features], ``bias`` [out_features]. Source: torch.nn.

    >>> [slot.shape for slot in linear(1000, 10)]
    [(10, 1000), (10,)]
    """
    return _dense("Linear", in_features, out_features, bias)


def _dense(kind: str, in_features: int, out_features: int, bias: bool) -> list[Slot]:
    checks.size("in_features", in_features)
    checks.size("out_features", out_features)
    weight = Slot("weight", (out_features, in_features), kind)
    if checks.flag("bias", bias):
        return [weight, Slot("bias", (out_features,), kind)]
    return [weight]


def non_dynamically_quantizable_linear(
    in_features: int, out_features: int, bias: bool = True
) -> list[Slot]:
    """As Linear: ``out_proj`` of torch's attention. Source: torch.nn.modules.linear."""
    return _dense("NonDynamicallyQuantizableLinear", in_features, out_features, bias)


def bilinear(
    in1_features: int, in2_features: int, out_features: int, bias: bool = True
) -> list[Slot]:
    """``weight`` [out_features, in1_features, in2_features], ``bias``. Source: torch.nn."""
    checks.size("in1_features", in1_features)
    checks.size("in2_features", in2_features)
    checks.size("out_features", out_features)
    slots = [Slot("weight", (out_features, in1_features, in2_features), "Bilinear")]
    if checks.flag("bias", bias):
        slots.append(Slot("bias", (out_features,), "Bilinear"))
    return slots


def transposed_linear(nf: int, nx: int) -> list[Slot]:
    """``weight`` [nx, nf], ``bias`` [nf]: a Linear stored the other way round.

    Source: transformers, pytorch_utils, ``Conv1D``.
    """
    checks.size("nf", nf)
    checks.size("nx", nx)
    return [Slot("weight", (nx, nf), "Conv1D"), Slot("bias", (nf,), "Conv1D")]


def embedding(
    num_embeddings: int,
    embedding_dim: int,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
    _weight: object = None,
    _freeze: bool = False,
) -> list[Slot]:
    """``weight`` [num_embeddings, embedding_dim]. Source: torch.nn."""
    checks.absent("_weight", _weight, "a tensor")
    return _table("Embedding", num_embeddings, embedding_dim, padding_idx)


def embedding_bag(
    num_embeddings: int,
    embedding_dim: int,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    _weight: object = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> list[Slot]:
    """``weight`` [num_embeddings, embedding_dim]. Source: torch.nn."""
    checks.absent("_weight", _weight, "a tensor")
    return _table("EmbeddingBag", num_embeddings, embedding_dim, padding_idx)


def _table(
    kind: str, num_embeddings: int, embedding_dim: int, padding_idx: int | None
) -> list[Slot]:
    checks.size("num_embeddings", num_embeddings)
    checks.size("embedding_dim", embedding_dim)
    if padding_idx is not None:
        checks.size("padding_idx", padding_idx, -checks.LARGEST_SIZE)
        if not -num_embeddings <= padding_idx < num_embeddings:
            raise ParamcalcError(
                f"`padding_idx` lies outside the table, got {checks.show(padding_idx)} "
                f"for num_embeddings={checks.show(num_embeddings)}"
            )
    return [Slot("weight", (num_embeddings, embedding_dim), kind)]


def prelu(num_parameters: int = 1, init: float = 0.25) -> list[Slot]:
    """``weight`` [num_parameters]: the learnt slopes. Source: torch.nn."""
    checks.size("num_parameters", num_parameters)
    return [Slot("weight", (num_parameters,), "PReLU")]


def adaptive_log_softmax_with_loss(
    in_features: int,
    n_classes: int,
    cutoffs: Sequence[int],
    div_value: float = 4.0,
    head_bias: bool = False,
) -> list[Slot]:
    """``head.weight`` [cutoffs[0] + clusters, in_features]; for cluster i of the rest
    ``tail.i.0.weight`` [h, in_features] and ``tail.i.1.weight`` [classes in it, h], where
    h = in_features // div_value ** (i + 1), which may be 0. Source: torch.nn.
    """
    checks.size("in_features", in_features)
    checks.size("n_classes", n_classes)
    _check_cutoffs(cutoffs, n_classes)
    edges = [*cutoffs, n_classes]
    slots = under("head", linear(in_features, edges[0] + len(cutoffs), bias=head_bias))
    for i, (start, end) in enumerate(pairwise(edges)):
        hidden = _shrunk(in_features, div_value, i + 1)
        slots.append(Slot(f"tail.{i}.0.weight", (hidden, in_features), "Linear"))
        slots.append(Slot(f"tail.{i}.1.weight", (end - start, hidden), "Linear"))
    return slots


def _check_cutoffs(cutoffs: Sequence[int], n_classes: int) -> None:
    if not isinstance(cutoffs, (tuple, list)) or not cutoffs:
        raise ParamcalcError(
            f"`cutoffs` must be a list of sizes, got {checks.show(cutoffs)}", "cutoffs=[100, 1000]"
        )
    for cutoff in cutoffs:
        checks.size("cutoffs", cutoff)
    if any(start >= end for start, end in pairwise([*cutoffs, n_classes])):
        raise ParamcalcError("`cutoffs` must grow and stay below `n_classes`")


def _shrunk(in_features: int, div_value: float, power: int) -> int:
    if isinstance(div_value, bool) or not isinstance(div_value, (int, float)):
        raise ParamcalcError(f"`div_value` must be a number, got {checks.show(div_value)}")
    if not 0 < div_value <= checks.LARGEST_SIZE:
        raise ParamcalcError(f"`div_value` must be above 0, got {checks.show(div_value)}")
    try:
        hidden = int(in_features // div_value**power)
    except (OverflowError, ZeroDivisionError):  # a power of it is no float any more
        raise ParamcalcError("`div_value` is out of range for so many `cutoffs`") from None
    checks.size("div_value", hidden, 0)
    return hidden


def linear_cross_entropy_loss(
    in_features: int,
    num_classes: int,
    *,
    out_features: Sequence[int] = (),
    bias: bool = False,
    reduction: str = "mean",
    weight: object = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: object = None,
) -> list[Slot]:
    """``linear.weight`` [num_classes * product of out_features, in_features], ``linear.bias``.

    Source: torch.nn.
    """
    checks.size("in_features", in_features)
    checks.size("num_classes", num_classes)
    checks.absent("weight", weight, "a tensor")
    checks.probability("label_smoothing", label_smoothing)
    rows = num_classes
    for factor in checks.shape("out_features", out_features) if out_features != () else ():
        rows = rows * factor
    checks.size("out_features", rows)
    return under("linear", linear(in_features, rows, bias=bias))


def parameter(*dims: int, kind: object = None) -> list[Slot]:
    """One trained tensor [dims], named by its own path; no dimension at all is a scalar.

    ``kind`` is what it counts as: the table of an ``Embedding``, the scale of an ``RMSNorm``.
    """
    _check_dims("Parameter", dims)
    if kind is None:
        return [Slot("", dims, "Parameter")]
    from paramcalc.core.layers import KINDS as ALL

    if not isinstance(kind, str) or kind not in ALL:
        hint = did_you_mean(str(kind), ALL) or "kind='Embedding'"
        raise ParamcalcError(f"`kind` must be that of a layer, got {checks.show(kind)}", hint)
    return [Slot("", dims, str(kind))]


def buffer(*dims: int, dtype: str | None = None) -> list[Slot]:
    """One stored tensor [dims] that is not trained; ``dtype`` if it has a fixed one (int64)."""
    _check_dims("Buffer", dims)
    if dtype is not None and not isinstance(dtype, str):
        raise ParamcalcError(f"`dtype` must be a name, got {checks.show(dtype)}", "dtype='int64'")
    return [Slot("", dims, "Buffer", False, dtype)]


def _check_dims(kind: str, dims: tuple[object, ...]) -> None:
    for i, dim in enumerate(dims):
        if isinstance(dim, (tuple, list)):
            raise ParamcalcError(
                f"`{kind}` takes its sizes one by one, not as a list", f"{kind}(2, 3)"
            )
        checks.size(f"dimension {i}", dim, 0)  # an empty tensor can lie on disk


KINDS: dict[str, Kind] = {
    "Linear": linear,
    "NonDynamicallyQuantizableLinear": non_dynamically_quantizable_linear,
    "Bilinear": bilinear,
    "Conv1D": transposed_linear,
    "Embedding": embedding,
    "EmbeddingBag": embedding_bag,
    "PReLU": prelu,
    "AdaptiveLogSoftmaxWithLoss": adaptive_log_softmax_with_loss,
    "LinearCrossEntropyLoss": linear_cross_entropy_loss,
    "Parameter": parameter,
    "Buffer": buffer,
}
