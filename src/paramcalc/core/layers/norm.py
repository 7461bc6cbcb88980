"""Normalisation. Source: torch.nn, ``batchnorm``, ``instancenorm``, ``normalization``."""

# ruff: noqa: ARG001, PLR0917 - the signatures are torch's, whether an argument matters or not

from __future__ import annotations

from collections.abc import Sequence

from paramcalc.core.layers import checks
from paramcalc.core.layers.slot import Kind, Slot

Shape = int | Sequence[int]


def batch_norm(kind: str) -> Kind:
    """The kind ``BatchNorm1d``, ``BatchNorm2d`` or ``BatchNorm3d``."""

    def layer(
        num_features: int,
        eps: float = 1e-05,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
    ) -> list[Slot]:
        """``weight`` and ``bias`` [num_features] if affine; buffers ``running_mean`` and
        ``running_var`` [num_features] and the whole number ``num_batches_tracked`` [] if
        track_running_stats. Source: torch.nn.
        """
        return _channelwise(kind, num_features, affine, track_running_stats, bias)

    return layer


def sync_batch_norm(
    num_features: int,
    eps: float = 1e-05,
    momentum: float | None = 0.1,
    affine: bool = True,
    track_running_stats: bool = True,
    process_group: object = None,
    *,
    bias: bool = True,
) -> list[Slot]:
    """The tensors of BatchNorm. Source: torch.nn."""
    checks.absent("process_group", process_group, "a process group")
    return _channelwise("SyncBatchNorm", num_features, affine, track_running_stats, bias)


def instance_norm(kind: str) -> Kind:
    """The kind ``InstanceNorm1d``, ``InstanceNorm2d`` or ``InstanceNorm3d``."""

    def layer(
        num_features: int,
        eps: float = 1e-05,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        bias: bool = True,
    ) -> list[Slot]:
        """The tensors of BatchNorm, none of them unless asked for. Source: torch.nn."""
        return _channelwise(kind, num_features, affine, track_running_stats, bias)

    return layer


def _channelwise(
    kind: str, num_features: int, affine: bool, track_running_stats: bool, bias: bool
) -> list[Slot]:
    checks.size("num_features", num_features)
    slots = _affine(kind, (num_features,), affine, bias)
    if checks.flag("track_running_stats", track_running_stats):
        slots += [
            Slot("running_mean", (num_features,), kind, False),
            Slot("running_var", (num_features,), kind, False),
            Slot("num_batches_tracked", (), kind, False, "int64"),
        ]
    return slots


def group_norm(
    num_groups: int,
    num_channels: int,
    eps: float = 1e-05,
    affine: bool = True,
    *,
    bias: bool = True,
) -> list[Slot]:
    """``weight`` and ``bias`` [num_channels] if affine. Source: torch.nn."""
    checks.size("num_groups", num_groups)
    checks.size("num_channels", num_channels)
    checks.divides("num_groups", num_groups, "num_channels", num_channels)
    return _affine("GroupNorm", (num_channels,), affine, bias)


def layer_norm(
    normalized_shape: Shape,
    eps: float = 1e-05,
    elementwise_affine: bool = True,
    bias: bool = True,
) -> list[Slot]:
    """``weight`` and ``bias`` [*normalized_shape] if elementwise_affine. Source: torch.nn."""
    shape = checks.shape("normalized_shape", normalized_shape)
    return _affine("LayerNorm", shape, elementwise_affine, bias, "elementwise_affine")


def rms_norm(
    normalized_shape: Shape, eps: float | None = None, elementwise_affine: bool = True
) -> list[Slot]:
    """``weight`` [*normalized_shape] if elementwise_affine. Source: torch.nn."""
    shape = checks.shape("normalized_shape", normalized_shape)
    return _affine("RMSNorm", shape, elementwise_affine, False, "elementwise_affine")


def _affine(
    kind: str, shape: tuple[int, ...], affine: bool, bias: bool, name: str = "affine"
) -> list[Slot]:
    has_bias = checks.flag("bias", bias)
    if not checks.flag(name, affine):
        return []
    if has_bias:
        return [Slot("weight", shape, kind), Slot("bias", shape, kind)]
    return [Slot("weight", shape, kind)]


KINDS: dict[str, Kind] = {
    **{f"BatchNorm{axes}d": batch_norm(f"BatchNorm{axes}d") for axes in (1, 2, 3)},
    "SyncBatchNorm": sync_batch_norm,
    **{f"InstanceNorm{axes}d": instance_norm(f"InstanceNorm{axes}d") for axes in (1, 2, 3)},
    "GroupNorm": group_norm,
    "LayerNorm": layer_norm,
    "RMSNorm": rms_norm,
}
