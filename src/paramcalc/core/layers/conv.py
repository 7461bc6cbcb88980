"""Convolutions on one, two and three axes. Source: torch.nn, module ``conv``."""

# ruff: noqa: PLR0917 - the signatures are torch's

from __future__ import annotations

from collections.abc import Sequence

from paramcalc.core.layers import checks
from paramcalc.core.layers.slot import Kind, Slot
from paramcalc.errors import ParamcalcError

Axes = int | Sequence[int]
"""One number for all axes, or one for each."""


def convolution(kind: str, axes: int) -> Kind:
    """The kind ``Conv1d``, ``Conv2d`` or ``Conv3d``."""

    def layer(
        in_channels: int,
        out_channels: int,
        kernel_size: Axes,
        stride: Axes = 1,
        padding: Axes | str = 0,
        dilation: Axes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
    ) -> list[Slot]:
        """``weight`` [out_channels, in_channels // groups, *kernel_size], ``bias`` [out_channels].

        Source: torch.nn.
        """
        _check_channels(in_channels, out_channels, groups)
        kernel = checks.per_axis("kernel_size", kernel_size, axes)
        _check_padding(padding, checks.per_axis("stride", stride, axes), axes)
        checks.per_axis("dilation", dilation, axes)
        checks.choice("padding_mode", padding_mode, ("zeros", "reflect", "replicate", "circular"))
        weight = (out_channels, _per_group(in_channels, groups), *kernel)
        return _slots(kind, weight, out_channels, bias)

    return layer


def transposed_convolution(kind: str, axes: int) -> Kind:
    """The kind ``ConvTranspose1d``, ``ConvTranspose2d`` or ``ConvTranspose3d``."""

    def layer(
        in_channels: int,
        out_channels: int,
        kernel_size: Axes,
        stride: Axes = 1,
        padding: Axes = 0,
        output_padding: Axes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Axes = 1,
        padding_mode: str = "zeros",
    ) -> list[Slot]:
        """``weight`` [in_channels, out_channels // groups, *kernel_size], ``bias`` [out_channels].

        Source: torch.nn.
        """
        _check_channels(in_channels, out_channels, groups)
        kernel = checks.per_axis("kernel_size", kernel_size, axes)
        checks.per_axis("stride", stride, axes)
        checks.per_axis("padding", padding, axes, least=0)
        checks.per_axis("output_padding", output_padding, axes, least=0)
        checks.per_axis("dilation", dilation, axes)
        checks.choice("padding_mode", padding_mode, ("zeros",))
        weight = (in_channels, _per_group(out_channels, groups), *kernel)
        return _slots(kind, weight, out_channels, bias)

    return layer


def _check_channels(in_channels: int, out_channels: int, groups: int) -> None:
    checks.size("in_channels", in_channels)
    checks.size("out_channels", out_channels)
    checks.size("groups", groups)
    if groups != 1:
        checks.divides("groups", groups, "in_channels", in_channels)
        checks.divides("groups", groups, "out_channels", out_channels)


def _check_padding(padding: Axes | str, stride: tuple[int, ...], axes: int) -> None:
    if not isinstance(padding, str):
        checks.per_axis("padding", padding, axes, least=0)
        return
    checks.choice("padding", padding, ("same", "valid"))
    if padding == "same" and any(step != 1 for step in stride):
        raise ParamcalcError("`padding='same'` needs stride=1")


def _per_group(channels: int, groups: int) -> int:
    return channels if groups == 1 else channels // groups


def _slots(kind: str, weight: tuple[int, ...], out_channels: int, bias: bool) -> list[Slot]:
    slots = [Slot("weight", weight, kind)]
    if checks.flag("bias", bias):
        slots.append(Slot("bias", (out_channels,), kind))
    return slots


KINDS: dict[str, Kind] = {
    f"Conv{axes}d": convolution(f"Conv{axes}d", axes) for axes in (1, 2, 3)
} | {
    f"ConvTranspose{axes}d": transposed_convolution(f"ConvTranspose{axes}d", axes)
    for axes in (1, 2, 3)
}
