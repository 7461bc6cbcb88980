"""Record what llama.cpp's own converter makes of checkpoints, without their data.

For each case (``gguf_cases.yaml``) the converter gets the published config.json and tensors of the
published names and shapes that hold nothing; stored are the names, shapes and types that it would
write, and what the metadata say of heads and experts.

    python tools/oracle/record_gguf_conversions.py LLAMA_CPP COMMIT tests/data/FILE.jsonl.gz

LLAMA_CPP is a checkout. Needed besides: torch, transformers, sentencepiece, and paramcalc itself.
"""

from __future__ import annotations

import copy
import gzip
import json
import logging
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
import yaml

import paramcalc

CASES = yaml.safe_load((Path(__file__).parent / "gguf_cases.yaml").read_text())
Shape = tuple[int, ...]


def main(checkout: Path, commit: str, target: Path) -> None:
    """Record all cases, one a line, after a line with the versions."""
    sys.path[:0] = [str(checkout), str(checkout / "gguf-py")]
    sys.setrecursionlimit(3000)
    logging.disable(logging.CRITICAL)
    converter = Converter()
    versions = {
        "llama.cpp": commit,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    lines = [json.dumps(versions)]
    for case in CASES:
        try:
            lines.append(json.dumps(record(converter, case)))
        except Exception as error:
            raise SystemExit(f"{case}: {error!r}") from error
    text = "\n".join(lines) + "\n"
    target.write_bytes(gzip.compress(text.encode(), mtime=0))


def record(converter: Converter, case: Mapping[str, Any]) -> dict[str, Any]:
    """One case: the configuration as paramcalc reads it, and what the converter writes."""
    config, mtp = configuration(case), bool(case.get("mtp"))
    model = paramcalc.load(config, mtp=mtp) if mtp else paramcalc.load(config)
    tensors = {one.name: tuple(map(int, one.shape)) for one in model.tensors()}
    tensors |= {name: tuple(shape) for name, shape in case.get("also", {}).items()}
    wanted = {**defaults(model), **case.get("more", {}), **config}
    found = converter.run(
        wanted if case.get("more") or not known(config) else config, tensors, case
    )
    return {
        "case": case.get("model", case.get("architecture")),
        "config": config,
        "mtp": mtp,
    } | found


def configuration(case: Mapping[str, Any]) -> dict[str, Any]:
    """The published keys of a catalogued model, or the example of an architecture's file."""
    if "model" in case:
        model = paramcalc.load(case["model"])
        keys = json.loads(json.dumps(dict(model.configuration), default=dict))
        name = model.architecture
    else:
        name = case["architecture"]
        path = Path(__file__).parents[2] / f"data/architectures/{name}.yaml"
        keys = yaml.safe_load(path.read_text()).get("example") or {}
    return {**keys, **case.get("keys", {}), "model_type": name, "architectures": [case["class"]]}


def known(config: Mapping[str, Any]) -> bool:
    """Whether transformers fills in the keys that are left out."""
    mapping = transformers.models.auto.configuration_auto.CONFIG_MAPPING_NAMES
    return config["model_type"] in mapping


def defaults(model: Any) -> dict[str, Any]:
    """What the keys that are left out mean."""
    found = {key: model.names[key] for key in model.names.spec.fields}
    plain = (int, float, str, bool, list, tuple)
    return {key: value for key, value in found.items() if isinstance(value, plain)}


class Converter:
    """The converter of a checkout; its tensors come from a list in place of files."""

    def __init__(self) -> None:
        import conversion
        import gguf
        from conversion.base import LazyTorchTensor, ModelBase

        self.gguf, self.base, self.lazy = gguf, ModelBase, LazyTorchTensor
        conversion.load_all_models()
        self.conversion = conversion
        self.tensors: dict[str, Shape] = {}
        # One class adds its names to those of all.
        self.mapping = copy.deepcopy(gguf.TensorNameMap.block_mappings_cfg)
        recorder = self

        def index_tensors(model: Any, *_: Any, **__: Any) -> dict[str, Any]:
            return recorder.indexed(model)

        ModelBase.index_tensors = index_tensors

    def indexed(self, model: Any) -> dict[str, Any]:
        """The listed tensors, as far as the class takes them."""
        found = {}
        for name, shape in self.tensors.items():
            item = model.filter_tensors((name, lambda n=name, s=shape: self.tensor(n, s)))
            if item:
                found[item[0]] = item[1]
        return found

    def tensor(self, name: str, shape: Shape) -> Any:
        """A tensor without data; a head of its own must not look like the table."""
        value = 1.0 if "lm_head" in name else 0.0
        meta = torch.empty(shape, dtype=torch.float16, device="meta")
        data = torch.full((), value, dtype=torch.float16)
        return self.lazy(meta=meta, args=(), func=lambda: data.expand(shape))

    def run(
        self, config: dict[str, Any], tensors: dict[str, Shape], case: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What would be written for a configuration and its tensors."""
        self.tensors = tensors
        self.base.no_mtp = not case.get("mtp")
        self.gguf.TensorNameMap.block_mappings_cfg = copy.deepcopy(self.mapping)
        with tempfile.TemporaryDirectory() as folder:
            model = self.model(Path(folder), config, case)
            model.prepare_tensors()
            # Some classes only stand for another one.
            model = getattr(model, "impl", model)
            if case.get("facts", True):
                model.set_gguf_parameters()
        written = {
            name: [list(map(int, one.shape)), one.dtype.name]
            for part in model.gguf_writer.tensors
            for name, one in part.items()
        }
        architecture = self.gguf.MODEL_ARCH_NAMES[model.model_arch]
        metadata = {key: one.value for key, one in model.gguf_writer.kv_data[0].items()}
        return {
            "architecture": architecture,
            "facts": facts(architecture, metadata) if case.get("facts", True) else None,
            "tensors": list(folded(written)),
        }

    def tokenizer(self, case: Mapping[str, Any]) -> dict[str, Any]:
        """A vocabulary with as many words as the table has rows."""
        rows = [shape[0] for name, shape in self.tensors.items() if "embed" in name]
        words = {str(number): number for number in range(max(rows, default=1))}
        return {"model": {"type": case.get("tokenizer", "BPE"), "vocab": words}, "added_tokens": []}

    def model(self, folder: Path, config: dict[str, Any], case: Mapping[str, Any]) -> Any:
        """The converter's object for a configuration."""
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "tokenizer.json").write_text(json.dumps(self.tokenizer(case)))
        keys = dict(config) if case.get("raw") else self.base.load_hparams(folder, False)
        keys.setdefault("architectures", config["architectures"])
        types = self.conversion.ModelType
        name = self.conversion.get_model_architecture(keys, types.TEXT)
        return self.base.from_model_architecture(name, types.TEXT)(
            folder,
            self.gguf.LlamaFileType.MOSTLY_F16,
            folder / "out.gguf",
            hparams=keys,
            dry_run=True,
        )


def facts(architecture: str, metadata: Mapping[str, Any]) -> dict[str, int]:
    """Heads and experts as the metadata say, of the first layer where each has its own."""

    def first(key: str, default: int = 0) -> int:
        value = metadata.get(f"{architecture}.{key}", default)
        return int(value[0] if isinstance(value, (list, tuple)) else value)

    heads = first("attention.head_count")
    return {
        "heads": heads,
        "kv_heads": first("attention.head_count_kv", heads),
        "experts": first("expert_count"),
        "blocks": first("block_count"),
    }


def folded(tensors: Mapping[str, list[Any]]) -> Iterator[list[Any]]:
    """[name with `{}` for the layer, layers, shape, type] for equal tensors."""
    groups: dict[str, list[Any]] = {}
    for name, (shape, kind) in tensors.items():
        found = re.search(r"blk\.(\d+)\.", name)
        template = name.replace(f"blk.{found[1]}.", "blk.{}.") if found else name
        group = groups.setdefault(f"{template} {shape} {kind}", [template, [], shape, kind])
        if found:
            group[1].append(int(found[1]))
    yield from groups.values()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
