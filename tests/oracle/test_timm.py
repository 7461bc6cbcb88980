"""Networks of timm by their names. The counts of whole ResNets are those that torchvision states
for the same nets (`num_params` of its weights for ImageNet), the others what timm 1.0.31 builds."""

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

FEATURES = {"features_only": True}
# name, model_args, classes (0: the bare network), parameters
BUILT = [
    ("resnet50", {"in_chans": 1}, 10, 23_522_250),
    ("resnet34.a1_in1k", FEATURES | {"out_indices": [1, 2]}, 0, 1_347_904),
    ("swin_tiny_patch4_window7_224", None, 10, 27_527_044),
    ("swin_small_patch4_window7_224", None, 0, 48_837_258),
    ("swin_base_patch4_window7_224", FEATURES, 0, 86_741_176),
    ("swin_large_patch4_window7_224", None, 10, 195_010_846),
    ("swin_tiny_patch4_window7_224", FEATURES | {"out_indices": [0, 2]}, 0, 12_151_242),
    ("repvit_m1", FEATURES | {"in_chans": 1}, 0, 4_713_280),
    ("repvit_m2.dist_in1k", FEATURES | {"out_indices": [0, 2]}, 0, 4_066_768),
    ("repvit_m3.dist_in1k", FEATURES | {"out_indices": [0, 1, 2, 3]}, 0, 9_654_784),
    ("fastvit_mci3", {"inference_mode": True}, 0, 122_714_208),
    ("fastvit_mci3", {"inference_mode": True}, 10, 122_744_938),
]


def timm(**keys: object) -> paramcalc.Model:
    return paramcalc.load({"model_type": "timm_wrapper", **keys})


@pytest.mark.parametrize("name", PUBLISHED)
def test_resnets(name: str) -> None:
    assert timm(architecture=name, num_classes=1000).parameters.total == PUBLISHED[name]


@pytest.mark.parametrize(("name", "arguments", "classes", "parameters"), BUILT)
def test_others(
    name: str, arguments: dict[str, object] | None, classes: int, parameters: int
) -> None:
    head = "TimmWrapperForImageClassification" if classes else "TimmWrapperModel"
    found = timm(architecture=name, model_args=arguments, num_classes=classes, architectures=[head])

    assert found.parameters.total == parameters


@pytest.mark.parametrize(
    "keys",
    [
        {"architecture": "vit_base_patch16_224"},
        {"architecture": "resnet50d"},
        {"architecture": "resnet50", "model_args": {"zero_init_last": 2}},
        {"architecture": "repvit_m1"},
        {"architecture": "fastvit_mci3"},
    ],
)
def test_others_are_refused(keys: dict[str, object]) -> None:
    with pytest.raises(paramcalc.ParamcalcError, match="of the networks of timm, only resnet18"):
        timm(**keys)
