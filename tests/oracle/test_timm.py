"""Networks of timm by their names. The counts are those that torchvision states for the same nets
(`num_params` of its ResNet weights for ImageNet)."""

from __future__ import annotations

import pytest

import paramcalc

PUBLISHED = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet50.a1_in1k": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
}


def timm(**keys: object) -> paramcalc.Model:
    return paramcalc.load({"model_type": "timm_wrapper", **keys})


@pytest.mark.parametrize("name", PUBLISHED)
def test_resnets(name: str) -> None:
    assert timm(architecture=name, num_classes=1000).parameters.total == PUBLISHED[name]


@pytest.mark.parametrize(
    "keys",
    [
        {"architecture": "vit_base_patch16_224"},
        {"architecture": "resnet50d"},
        {"architecture": "resnet50", "model_args": {"in_chans": 1}},
        {"architecture": "fastvit_mci3"},
    ],
)
def test_others_are_refused(keys: dict[str, object]) -> None:
    with pytest.raises(paramcalc.ParamcalcError, match="of the networks of timm, only resnet18"):
        timm(**keys)
