"""What the recorders of all libraries share: the small models, and what a folder holds."""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

MODELS: dict[str, dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parents[1] / "quantised_models.yaml").read_text()
)
DENSE = ("llama", "llama-odd", "qwen2", "qwen3", "opt")
EXPERTS = ("mixtral", "qwen3_moe", "deepseek_v3")

Tensor = tuple[str, str, list[int]]


class Case(NamedTuple):
    """One call of a library."""

    options: dict[str, Any]
    model: str
    save: Callable[[Path], Any]
    """Quantise the model and write it to a folder, in the manner of the library."""

    def row(self) -> dict[str, Any]:
        """What the library wrote, or why it refused."""
        row: dict[str, Any] = {"options": self.options, "model": self.model}
        with tempfile.TemporaryDirectory() as folder:
            try:
                self.save(Path(folder))
            except Exception as error:  # noqa: BLE001 - that a library refuses is an answer
                return row | {"refused": f"{type(error).__name__}: {error}"[:200]}
            return row | contents(Path(folder))


def contents(folder: Path) -> dict[str, Any]:
    """The configuration and the tensors [name, dtype, shape] of a saved model."""
    config = json.loads((folder / "config.json").read_text())
    tensors = [tensor for path in sorted(folder.glob("*.safetensors")) for tensor in header(path)]
    size = sum(stored_bytes(path) for path in folder.glob("*.safetensors"))
    found = {"config": plain(config), "bytes": size, "tensors": sorted(tensors)}
    if (beside := folder / "quanto_qmap.json").exists():
        found["beside"] = {beside.name: json.loads(beside.read_text())}
    return found


def header(path: Path) -> Iterator[Tensor]:
    """The tensors that a safetensors file announces."""
    for name, entry in announced(path).items():
        if name != "__metadata__":
            yield name, entry["dtype"], entry["shape"]


def stored_bytes(path: Path) -> int:
    """Bytes of the tensors in a safetensors file."""
    return max(
        (entry["data_offsets"][1] for name, entry in announced(path).items() if name[:2] != "__"),
        default=0,
    )


def announced(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        found: dict[str, Any] = json.loads(file.read(length))
    return found


STRAY = ("transformers_version", "_name_or_path", "id2label", "label2id")


def plain(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration without what differs from run to run or says nothing of the weights."""
    return {
        key: plain(value) if isinstance(value, dict) else value
        for key, value in config.items()
        if key not in STRAY
    }


def configuration(name: str) -> Any:
    """The transformers configuration of a small model."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    keys = json.loads(json.dumps(MODELS[name]))
    return CONFIG_MAPPING[keys.pop("model_type")](**keys)


def auto_class(name: str) -> Any:
    import transformers

    if "vision_config" in MODELS[name]:
        return transformers.AutoModelForImageTextToText
    return transformers.AutoModelForCausalLM


def write(name: str, folder: Path, dtype: str = "bfloat16") -> None:
    """The small model with random weights, in 16 bits, as transformers saves it."""
    import torch

    torch.manual_seed(0)
    model = auto_class(name).from_config(configuration(name), dtype=getattr(torch, dtype))
    model.save_pretrained(folder)


def through_transformers(
    name: str,
    quantization: Callable[[], Any],
    dtype: str = "bfloat16",
    device_map: str | None = "cpu",
) -> Callable[[Path], Any]:
    """Written, read again with a quantization config, saved: the usual way of a user."""

    def save(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as plain_folder:
            write(name, Path(plain_folder), dtype)
            model = auto_class(name).from_pretrained(
                plain_folder,
                quantization_config=quantization(),
                device_map=device_map,
                dtype=dtype,
            )
            model.save_pretrained(folder)

    return save


def write_tokenizer(folder: Path) -> None:
    """Some libraries insist on one."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = {f"w{number}": number for number in range(300)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="w0"))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="w0", pad_token="w1", eos_token="w2", bos_token="w3"
    ).save_pretrained(folder)


def write_shapes(state: dict[str, Any], folder: Path) -> None:
    """Zeros in the shapes of tensors on the meta device."""
    import torch
    from safetensors.torch import save_file

    empty = {name: torch.zeros(value.shape, dtype=value.dtype) for name, value in state.items()}
    save_file(empty, folder / "model.safetensors")


def cases_of(
    options: Iterable[dict[str, Any]],
    models: Iterable[str],
    make: Callable[[str, dict[str, Any]], Callable[[Path], Any]],
) -> Iterator[Case]:
    """Every model with every set of options."""
    models = tuple(models)
    for given in options:
        for model in models:
            yield Case(given, model, make(model, given))
