"""Safetensors: files that the library writes are read as it reads them; lies are refused."""

from __future__ import annotations

import json
import os
import struct
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

import paramcalc
from tests.sources.hostile import has_pipes, megabytes_for, read_or_refused, refused

LLAMA = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 128,
    "max_position_embeddings": 512,
}
MIXTRAL = LLAMA | {
    "model_type": "mixtral",
    "architectures": ["MixtralForCausalLM"],
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
}
FAMILIES = [LLAMA, MIXTRAL, LLAMA | {"tie_word_embeddings": True}, {"model_type": "gpt2"}]


def tensors_of(model: paramcalc.Model, dtype: Any = np.float16) -> dict[str, Any]:
    return {tensor.name: np.zeros(tensor.shape, dtype) for tensor in model.tensors()}


def write_model(folder: Path, config: dict[str, Any], shards: int = 1) -> paramcalc.Model:
    """A checkpoint with the tensors of a configuration, as transformers lays it out."""
    model = paramcalc.load(config)
    tensors = tensors_of(model)
    (folder / "config.json").write_text(json.dumps(config))
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        return model
    names = list(tensors)
    files: dict[str, str] = {}
    for number in range(shards):
        file = f"model-{number + 1:05}-of-{shards:05}.safetensors"
        part = {name: tensors[name] for name in names[number::shards]}
        save_file(part, folder / file, {"format": "pt"})
        files |= dict.fromkeys(part, file)
    index = {"metadata": {"total_size": 1}, "weight_map": files}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return model


# --- what the library writes ----------------------------------------------------------------------


def test_a_file_is_read_as_the_library_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "some.safetensors"
    tensors: dict[str, Any] = {
        "embed.weight": np.zeros((10, 4), np.float32),
        "layers.0.mlp.weight": np.zeros((8, 4), np.float16),
        "layers.1.mlp.weight": np.zeros((8, 4), np.float16),
        "layers.1.mlp.bias": np.zeros((8,), np.float64),
        "steps": np.zeros((), np.int64),
        "mask": np.zeros((3, 1), np.bool_),
        "nothing": np.zeros((0, 4), np.float32),
        'a "quoted" näme': np.zeros((2,), np.uint8),
    }
    save_file(tensors, path, {"format": "pt", "note": 'a "b" \\ {c}'})

    model = paramcalc.load(path)

    with safe_open(path, "np") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        wanted = {name: tuple(one.get_shape()) for name, one in slices.items()}
        types = {name: one.get_dtype() for name, one in slices.items()}
    assert {tensor.name: tensor.shape for tensor in model.tensors()} == wanted
    assert {group.template.format(*next(zip(*group.indices), ())): group.stored_type
            for group in model.groups}.items() <= types.items()  # fmt: skip
    assert model.stored_bytes == sum(array.nbytes for array in tensors.values())
    assert model.parameters.total == 40 + 64 + 8
    assert model.parameters.buffers == 1 + 3 + 2


@pytest.mark.parametrize("config", FAMILIES, ids=lambda config: config["model_type"])
@pytest.mark.parametrize("shards", [1, 3])
def test_a_checkpoint_counts_as_its_configuration(
    tmp_path: Path, config: dict[str, Any], shards: int
) -> None:
    if config["model_type"] == "gpt2":
        config = config | {"n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 100}
    wanted = write_model(tmp_path, config, shards)

    found = paramcalc.load(tmp_path)

    assert found.parameters == wanted.parameters
    assert found.caches == wanted.caches
    assert found.context == wanted.context
    assert found.architecture == wanted.architecture
    assert found.ties == wanted.ties
    assert sorted(found.tensors()) == sorted(wanted.tensors())
    kinds = {group.template: group.kind for group in wanted.groups}
    assert {group.template: group.kind for group in found.groups} == kinds
    assert found.stored_bytes == 2 * wanted.parameters.stored
    assert found.exactness == "exact"


def test_the_index_gives_what_the_folder_gives(tmp_path: Path) -> None:
    write_model(tmp_path, LLAMA, 2)
    index = paramcalc.load(tmp_path / "model.safetensors.index.json")
    assert index._replace(name="") == paramcalc.load(tmp_path)._replace(name="")
    (tmp_path / "model.safetensors.index.json").unlink()
    assert paramcalc.load(tmp_path).parameters == index.parameters


def test_without_a_configuration_there_are_weights_only(tmp_path: Path) -> None:
    wanted = write_model(tmp_path, LLAMA)
    (tmp_path / "config.json").unlink()

    found = paramcalc.load(tmp_path)

    assert found.parameters.total == wanted.parameters.total
    assert found.parameters.embedding == wanted.parameters.embedding
    assert found.caches == ()
    assert found.architecture is None
    assert "no config.json beside it: weights only" in str(found.source)


def test_numbers_in_names_that_are_no_layers(tmp_path: Path) -> None:
    """As of torch.nn.Sequential."""
    shapes = {"0.weight": (3, 2), "0.bias": (3,), "2.weight": (3, 2), "a{}.{0}": (1,)}
    tensors = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    save_file(tensors, tmp_path / "model.safetensors")
    model = paramcalc.load(tmp_path)
    names = {tensor.name for tensor in model.tensors()}
    assert names == {"0.weight", "0.bias", "2.weight", "a().(0)"}
    assert model.parameters.total == 16


@pytest.mark.parametrize(
    "name", ["vit", "swin", "clip", "whisper", "resnet", "bert", "mamba", "t5"]
)
def test_every_tensor_of_an_architecture_is_found_again(tmp_path: Path, name: str) -> None:
    """Also where a name holds a number that is no layer's: ``layers.{}.mlp.2.weight``."""
    model = paramcalc.load({"model_type": name})
    header: dict[str, Any] = {}
    at = 0
    for tensor in model.tensors():
        header[tensor.name] = entry(list(tensor.shape), at, at + tensor.numel, "F8_E4M3")
        at += tensor.numel
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.write(file_of(header))
        file.truncate(file.tell() + at)  # sparse
    (tmp_path / "config.json").write_text(json.dumps({"model_type": name}))

    found = paramcalc.load(tmp_path)

    assert "not in the architecture" not in str(found.source)
    assert found.parameters == model.parameters
    wanted = {t: g.kind for g in model.groups for t in (one.name for one in g.tensors())}
    assert {one.name: g.kind for g in found.groups for one in g.tensors()} == wanted


def test_an_unknown_architecture_leaves_the_weights(tmp_path: Path) -> None:
    wanted = write_model(tmp_path, LLAMA)
    (tmp_path / "config.json").write_text('{"model_type": "no-such-thing"}')
    found = paramcalc.load(tmp_path)
    assert found.parameters.total == wanted.parameters.total
    assert "no architecture named `no-such-thing`" in str(found.source)


def test_one_shard_is_a_part(tmp_path: Path) -> None:
    write_model(tmp_path, LLAMA, 2)
    part = paramcalc.load(tmp_path / "model-00001-of-00002.safetensors")
    assert part.caches == ()
    assert "one of 2 parts" in str(part.source)


def test_a_copy_of_a_tied_tensor_is_stored_but_counted_once(tmp_path: Path) -> None:
    config = LLAMA | {"tie_word_embeddings": True}
    wanted = write_model(tmp_path, config)
    tensors = tensors_of(wanted)
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].copy()
    save_file(tensors, tmp_path / "model.safetensors")

    found = paramcalc.load(tmp_path)

    assert found.parameters.total == wanted.parameters.total
    assert found.parameters.buffers == 128 * 64
    assert found.ties == ()


def test_a_folder_with_a_configuration_alone_stays_one(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    assert paramcalc.load(tmp_path).parameters == paramcalc.load(LLAMA).parameters
    assert paramcalc.load(tmp_path).stored_bytes is None


def test_the_cache_of_the_hub_keeps_links_to_its_blobs(tmp_path: Path) -> None:
    snapshot, blobs = tmp_path / "models--a--b/snapshots/abc", tmp_path / "models--a--b/blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    wanted = write_model(snapshot, LLAMA, 2)
    for number, path in enumerate(list(snapshot.iterdir())):
        path.rename(blobs / f"hash{number}")
        path.symlink_to(f"../../blobs/hash{number}")
    assert paramcalc.load(snapshot).parameters == wanted.parameters


# --- lies -----------------------------------------------------------------------------------------


def file_of(header: object, data: int = 0) -> bytes:
    """A file with any header, and so many bytes of data."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(data)


def entry(shape: list[Any], begin: Any, end: Any, dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


ONE = entry([1], 0, 4)
LIES = [
    # what it is; the file; what the message says
    ("nothing", b"", "too short"),
    ("seven bytes", b"1234567", "too short"),
    ("length beyond the file", struct.pack("<Q", 99) + b"{}", "breaks off"),
    ("length of 2**63", struct.pack("<Q", 2**63) + b"{}", "no safetensors file"),
    ("length of 2**64 - 1", b"\xff" * 8 + b"{}", "no safetensors file"),
    ("a pointer of git-lfs", b"version https://git-lfs.github.com/spec/v1\n", "git-lfs"),
    ("no object", file_of([]), "no JSON object"),
    ("no JSON", file_of(b"{nonsense}"), "no JSON object of tensors"),
    ("no tensors", file_of({}), "holds no tensors"),
    ("metadata alone", file_of({"__metadata__": {"a": "b"}}), "holds no tensors"),
    ("metadata of numbers", file_of({"__metadata__": {"a": 1}, "a": ONE}, 4), "object of texts"),
    ("text after the end", file_of(json.dumps({"a": ONE}).encode() + b"x", 4), "no JSON object"),
    ("out of range", file_of({"a": entry([2], 0, 8)}, 4), "breaks off: `a` ends at byte 8"),
    ("reversed", file_of({"a": entry([1], 4, 0)}, 4), "would be -4 bytes"),
    ("overlapping", file_of({"a": ONE, "b": ONE}, 4), "overlap"),
    ("partly overlapping", file_of({"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, 12), "overlap"),
    ("a gap", file_of({"a": ONE, "b": entry([1], 8, 12)}, 12), "leave a gap"),
    ("a gap at the start", file_of({"a": entry([1], 4, 8)}, 8), "leave a gap"),
    ("bytes left over", file_of({"a": ONE}, 9), "5 bytes of data belong to no tensor"),
    ("size and shape differ", file_of({"a": entry([2], 0, 4)}, 4), "would be 4 bytes: F32"),
    ("half a byte", file_of({"a": entry([3], 0, 2, "F4")}, 2), "would be 2 bytes: F4"),
    ("unknown type", file_of({"a": entry([1], 0, 4, "F33")}, 4), "unknown type `F33`"),
    ("type of a number", file_of({"a": entry([1], 0, 4, 7)}, 4), "is not `dtype`"),
    ("2**63 elements", file_of({"a": entry([2**63, 0], 0, 0)}), "larger than any tensor"),
    ("huge product", file_of({"a": entry([2**62] * 9, 0, 4)}, 4), "would be 4 bytes"),
    ("100 dimensions", file_of({"a": entry([1] * 100, 0, 4)}, 4), "larger than any tensor"),
    ("negative size", file_of({"a": entry([-1], 0, 4)}, 4), "is not `dtype`"),
    ("size with a point", file_of({"a": entry([1.0], 0, 4)}, 4), "is not `dtype`"),
    ("NaN", file_of({"a": entry([float("nan")], 0, 4)}, 4), "is not `dtype`"),
    ("infinity", file_of({"a": entry([1], 0, float("inf"))}, 4), "is not `dtype`"),
    ("5,000 digits", file_of(b'{"a":{"dtype":"F32","shape":[1' + b"0" * 5000), "is not `dtype`"),
    ("a truth value", file_of({"a": entry([True], 0, 4)}, 4), "is not `dtype`"),
    ("three offsets", file_of({"a": ONE | {"data_offsets": [0, 2, 4]}}, 4), "is not `dtype`"),
    ("another key", file_of({"a": ONE | {"b": 1}}, 4), "is not `dtype`"),
    ("a missing key", file_of({"a": {"dtype": "F32", "shape": [1]}}, 4), "is not `dtype`"),
    ("nested deep", file_of(b'{"a":' * 100_000), "is not `dtype`"),
    ("brackets", file_of(b'{"a":' + b"[" * 100_000), "is not `dtype`"),
    ("a key twice", file_of(b'{"a":{"dtype":"U8","shape":[],"shape":[],"data_offsets":[0,1]}}', 1),
     "is not `dtype`"),
    ("a name twice", file_of(b'{"a":' + json.dumps(ONE).encode() + b',"a":'
     + json.dumps(entry([1], 4, 8)).encode() + b"}", 8), "`a` is there twice"),
    ("a name of a megabyte", file_of({"a" * 1_000_000: ONE}, 4), "at most 1,000 characters"),
    ("a name of 100 numbers", file_of({".".join("0" * 100): ONE}, 4), "more than 12 numbers"),
    ("an empty name", file_of({"": ONE}, 4), "empty name"),
    ("escape codes", file_of({"\x1b[31mred": ONE}, 4), "printable"),
    ("half a character", file_of(b'{"\\ud800":' + json.dumps(ONE).encode() + b"}", 4), "no text"),
    ("no UTF-8", file_of(b'{"\xff":' + json.dumps(ONE).encode() + b"}", 4), "no text"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), [r[1:] for r in LIES], ids=[r[0] for r in LIES])
def test_a_lie_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    assert message in refused(path)


def test_a_file_that_breaks_off_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    save_file({f"layers.{n}.w": np.zeros((n, 2), np.int32) for n in range(9)}, path, {"a": "b"})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        refused(path)


def many(count: int) -> bytes:
    lines = (
        b'"a.%d.b":{"dtype":"U8","shape":[1],"data_offsets":[%d,%d]}' % (n, n, n + 1)
        for n in range(count)
    )
    return file_of(b"{" + b",".join(lines) + b"}", count)


def different(count: int) -> bytes:
    """Names that have nothing in common."""
    lines = (
        b'"%s":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' % (b"a%d" % n).ljust(440, b"x")
        for n in range(count)
    )
    return file_of(b"{" + b",".join(lines) + b"}")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (many(1_000_000), "too large to look at"),
        (many(300_000), "more than 50,000 tensors"),
        (different(50_000), "tensors that have no pattern"),
        (file_of(b'{"a":"' + b"\\u00e9" * 4_000_000 + b'"}'), "is not `dtype`"),
        (file_of(b'{"__metadata__":{' + b'"a":"b",' * 3_000_000 + b"}}"), "object of texts"),
        (file_of(b" " * 24_000_000), "no JSON object"),
    ],
    ids=["a million", "300,000", "different", "a long text", "much metadata", "blanks"],
)
def test_a_flood_is_refused_soon_and_in_little_memory(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    assert message in refused(path)
    assert megabytes_for(path) < 100


def test_as_many_tensors_as_are_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(many(50_000))
    assert paramcalc.load(path).tensor_count == 50_000
    assert megabytes_for(path) < 100


# --- files beside it ------------------------------------------------------------------------------


def write_index(folder: Path, files: object) -> Path:
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps({"metadata": {}, "weight_map": files}))
    return path


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "..", ".", "", "a/b.safetensors", "a\\b", "C:x", "a\0b",
     "a\x1b", "x" * 300],
)  # fmt: skip
def test_an_index_names_files_of_its_folder_only(tmp_path: Path, name: str) -> None:
    assert "no name of a file in the same folder" in refused(write_index(tmp_path, {"a": name}))


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    outside, folder = tmp_path / "secret.safetensors", tmp_path / "model"
    folder.mkdir()
    save_file({"a": np.zeros(1, np.float32)}, outside)
    (folder / "model.safetensors").symlink_to(outside)
    index = write_index(folder, {"a": "model.safetensors"})
    assert "a link to a file outside of its folder" in refused(index)
    index.unlink()
    assert "a link to a file outside of its folder" in refused(folder)
    # Whoever names the link itself means what it leads to.
    assert paramcalc.load(folder / "model.safetensors").tensor_count == 1


def test_a_configuration_outside_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    save_file({"a": np.zeros(1, np.float32)}, folder / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    (folder / "config.json").symlink_to("../config.json")
    assert "outside of its folder" in refused(folder)


def test_links_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").symlink_to("b.safetensors")
    (tmp_path / "b.safetensors").symlink_to("a.safetensors")
    refused(tmp_path / "a.safetensors")
    refused(write_index(tmp_path, {"a": "a.safetensors"}))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "names no tensors"),
        ([], "no `weight_map`"),
        ({"a": 1}, "no `weight_map`"),
        ({"a": "gone.safetensors"}, "`gone.safetensors` is missing"),
        ({"a": "config.json"}, "is no safetensors file"),
        ({"a": "one.safetensors", "b": "one.safetensors"}, "1 tensors more than the files hold"),
        ({"b": "one.safetensors"}, "not what the index says"),
    ],
)
def test_an_index_that_lies(tmp_path: Path, files: object, message: str) -> None:
    save_file({"a": np.zeros(1, np.float32)}, tmp_path / "one.safetensors")
    assert message in refused(write_index(tmp_path, files))


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a": 1, "a": 1}', '{"a": NaN}', "[" * 100_000, "\xff", "\0"]
)
def test_an_index_that_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_bytes(text.encode("latin-1"))
    refused(path)


def test_an_index_of_a_million_tensors(tmp_path: Path) -> None:
    path = write_index(tmp_path, {f"{n}.w": "a.safetensors" for n in range(600_000)})
    assert "names more than 250,000 tensors" in refused(path)
    write_index(tmp_path, {f"{n}.w": f"{n}.safetensors" for n in range(240_000)})
    assert "names 240,000 files" in refused(path)
    assert megabytes_for(path) < 100


def test_a_part_that_is_missing(tmp_path: Path) -> None:
    write_model(tmp_path, LLAMA, 3)
    (tmp_path / "model-00002-of-00003.safetensors").unlink()
    assert "is missing" in refused(tmp_path)
    (tmp_path / "model.safetensors.index.json").unlink()
    assert "1 are missing" in refused(tmp_path)


def test_several_checkpoints_in_a_folder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_file({"x": np.zeros(1, np.float32)}, tmp_path / f"{name}.safetensors")
    assert "holds several checkpoints: `a.safetensors`, `b.safetensors`" in refused(tmp_path)


@has_pipes
def test_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.safetensors")
    assert "not a regular file" in refused(tmp_path / "model.safetensors")
    (tmp_path / "zero.safetensors").symlink_to("/dev/zero")
    assert "not a regular file" in refused(tmp_path / "zero.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    refused(tmp_path / "folder.safetensors")
    refused(tmp_path / "missing.safetensors")


def test_a_checkpoint_has_no_keys_to_set(tmp_path: Path) -> None:
    write_model(tmp_path, LLAMA)
    with pytest.raises(paramcalc.ParamcalcError, match="no key to set"):
        paramcalc.load(tmp_path, overrides={"vocab_size": 1})


@pytest.mark.parametrize("name", ["model.bin", "model.pt", "model.pth", "last.ckpt"])
def test_a_pickle_is_never_opened(tmp_path: Path, name: str) -> None:
    # Not even whether it is there: nothing is opened at all.
    assert "is a pickle" in refused(tmp_path / name)
    (tmp_path / name).write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    assert "convert the file to safetensors" in refused(tmp_path)


def test_an_index_of_pickles_has_names_only(tmp_path: Path) -> None:
    path = tmp_path / "pytorch_model.bin.index.json"
    path.write_text('{"weight_map": {"a": "pytorch_model-00001-of-00001.bin"}}')
    assert "names of tensors, but no shapes" in refused(path)


# --- anything -------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
SIZES = st.integers(-1, 40) | st.integers()
ENTRIES = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "U8", "F4", "BF16", "X"]) | JSON,
        "shape": st.lists(SIZES, max_size=3) | JSON,
        "data_offsets": st.lists(SIZES, min_size=2, max_size=2) | JSON,
    }
)
HEADERS = st.dictionaries(st.text(max_size=8), ENTRIES | JSON, max_size=5)
ONE_FILE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@ONE_FILE
@given(HEADERS, st.integers(0, 64))
def test_any_header(tmp_path: Path, header: dict[str, Any], data: int) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(file_of(header, data))
    read_or_refused(path)


@ONE_FILE
@given(st.binary(max_size=200))
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(content)) + content)
    read_or_refused(path)


@ONE_FILE
@given(st.data())
def test_a_header_with_bytes_changed(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "model.safetensors"
    if not path.exists():
        save_file({"a.0.w": np.zeros((2, 3), np.float32), "b": np.zeros(1, np.int8)}, path)
        (tmp_path / "whole").write_bytes(path.read_bytes())
    content = bytearray((tmp_path / "whole").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    model = read_or_refused(path)
    if model is not None:  # then it is a header that adds up
        assert model.stored_bytes == len(content) - 8 - int.from_bytes(content[:8], "little")
        assert all(prod(tensor.shape) >= 0 for tensor in model.tensors())


# --- names ----------------------------------------------------------------------------------------


def test_only_plain_digits_are_an_index(tmp_path: Path) -> None:
    names = ["h.0.w", "h.1.w", "h.007.w", "h.\u0663.w", "0.w", "h.1234567890123456.w"]
    save_file({name: np.zeros(2, np.float16) for name in names}, tmp_path / "x.safetensors")

    model = paramcalc.load(tmp_path / "x.safetensors")

    assert sorted(tensor.name for tensor in model.tensors()) == sorted(names)


def test_names_that_differ_in_their_brackets_only(tmp_path: Path) -> None:
    names = ["a.{}.w", "a.().w"]
    save_file({name: np.zeros(2, np.float16) for name in names}, tmp_path / "x.safetensors")

    assert "differ in their brackets" in refused(tmp_path / "x.safetensors")


def test_an_index_of_many_tensors_takes_little_memory(tmp_path: Path) -> None:
    files: dict[str, str] = {}
    for shard in range(4):
        file = f"part-{shard}.safetensors"
        names = [f"model.layers.{shard}.mlp.experts.{n}.up_proj.weight" for n in range(5_000)]
        save_file({name: np.zeros((), np.float16) for name in names}, tmp_path / file)
        files |= dict.fromkeys(names, file)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": files}))

    assert paramcalc.load(index).tensor_count == 20_000
    assert megabytes_for(index) < 10


@pytest.mark.parametrize(
    "text",
    [
        '{"weight_map": {"a": "x.safetensors", "a": "x.safetensors"}}',
        '{"weight_map": {"a": "x.safetensors"}} 1',
        '{"weight_map": {"a": "x.safetensors"}, "weight_map": 0}',
        '[{"weight_map": {"a": "x.safetensors"}}]',
        '{"weight_map": {"a": "x.safetensors",}}',
        '{"metadata": {"weight_map": {"a": "x.safetensors"}}}',
    ],
)
def test_an_index_that_only_looks_like_one(tmp_path: Path, text: str) -> None:
    save_file({"a": np.zeros(2, np.float16)}, tmp_path / "x.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(text)

    assert "model.safetensors.index.json" in refused(index)


@pytest.mark.parametrize(
    "text",
    [
        '{"weight_map":{"a":"x.safetensors"}}',
        '{ "weight_map" :\n{ "a" : "x.safetensors" } , "metadata": {"weight_map": {}} }',
        '{"metadata": {"weight_map": {"b": "c"}}, "weight_map": {"a": "x.safetensors"}}',
        '{"weight_map": {"\\u0061": "x.safetensors"}}',
    ],
)
def test_an_index_however_it_is_written(tmp_path: Path, text: str) -> None:
    save_file({"a": np.zeros(2, np.float16)}, tmp_path / "x.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(text)

    assert [tensor.name for tensor in paramcalc.load(index).tensors()] == ["a"]
