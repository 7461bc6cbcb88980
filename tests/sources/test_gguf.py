"""GGUF: files that gguf-py writes are read as it reads them; lies are refused."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Type
from gguf import GGUFEndian, GGUFReader, GGUFWriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import paramcalc
from paramcalc.core.cache import Cache
from tests.sources.hostile import has_pipes, megabytes_for, read_or_refused, refused

WIDTH, LAYERS, VOCABULARY = 64, 6, 96
Metadata = Callable[[GGUFWriter], object]


def write(
    path: Path,
    tensors: Mapping[str, Any],
    *metadata: Metadata,
    arch: str = "llama",
    **options: Any,
) -> Path:
    """A file as gguf-py writes it."""
    writer = GGUFWriter(path, arch, **options)
    for add in metadata:
        add(writer)
    for name, value in tensors.items():
        data, kind = value if isinstance(value, tuple) else (value, None)
        writer.add_tensor(name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def zeros(*shape: int) -> Any:
    return np.zeros(shape, np.float16)


def quantized(kind: Type, *shape: int) -> tuple[Any, Type]:
    rows = gguf.quant_shape_to_byte_shape(shape, kind)
    return np.zeros(rows, np.uint8), kind


def ends() -> dict[str, Any]:
    return {"token_embd.weight": zeros(VOCABULARY, WIDTH), "output_norm.weight": zeros(WIDTH)}


def attention(layer: int, kv: int = 32, q: int = WIDTH) -> dict[str, Any]:
    start = f"blk.{layer}."
    return {
        start + "attn_norm.weight": np.zeros(WIDTH, np.float32),
        start + "attn_q.weight": zeros(q, WIDTH),
        start + "attn_k.weight": zeros(kv, WIDTH),
        start + "attn_v.weight": zeros(kv, WIDTH),
        start + "attn_output.weight": zeros(WIDTH, q),
    }


def heads(kv: Any = 2, key: int | None = None, layers: int = LAYERS) -> Metadata:
    def add(writer: GGUFWriter) -> None:
        writer.add_block_count(layers)
        writer.add_context_length(4096)
        writer.add_embedding_length(WIDTH)
        writer.add_head_count(4)
        writer.add_head_count_kv(kv)
        if key:
            writer.add_key_length(key)
            writer.add_value_length(key)

    return add


def vocabulary(count: int) -> Metadata:
    def add(writer: GGUFWriter) -> None:
        writer.add_tokenizer_model("gpt2")
        writer.add_token_list([f"token{n}" for n in range(count)])
        writer.add_token_scores([0.0] * count)
        writer.add_token_types([1] * count)
        writer.add_token_merges([f"a{n} b" for n in range(count)])
        writer.add_description("long " * count)

    return add


def dense() -> dict[str, Any]:
    return ends() | {k: v for n in range(LAYERS) for k, v in attention(n).items()}


# --- what the library writes ----------------------------------------------------------------------


@pytest.mark.parametrize("endian", [GGUFEndian.LITTLE, GGUFEndian.BIG])
@pytest.mark.parametrize("version", [2, 3])
def test_a_file_is_read_as_the_library_reads_it(
    tmp_path: Path, endian: GGUFEndian, version: int
) -> None:
    path = tmp_path / "model.gguf"
    tensors = dense() | {"output.weight": quantized(Type.Q4_K, VOCABULARY, 256)}
    write(path, tensors, heads(), vocabulary(20_000), endianess=endian)
    order = "<" if endian is GGUFEndian.LITTLE else ">"
    content = path.read_bytes()
    path.write_bytes(content[:4] + struct.pack(order + "I", version) + content[8:])

    model = paramcalc.load(path)

    reader = GGUFReader(path)
    wanted = {t.name: tuple(int(n) for n in reversed(t.shape)) for t in reader.tensors}
    assert {tensor.name: tensor.shape for tensor in model.tensors()} == wanted
    assert model.stored_bytes == sum(t.n_bytes for t in reader.tensors)
    assert model.parameters.total == sum(t.n_elements for t in reader.tensors)
    assert model.context == 4096
    assert model.caches == (Cache("attention", 2 * 2 * 16, count=LAYERS),)
    assert model.architecture == "llama"
    assert model.parameters.embedding == VOCABULARY * WIDTH


# gguf-py has an older layout of Q8_1 with 40 bytes; it never stands in a file.
@pytest.mark.parametrize("kind", sorted(set(Type) - {Type.Q8_1}), ids=lambda kind: kind.name)
def test_every_type_of_the_library(tmp_path: Path, kind: Type) -> None:
    numel, size = gguf.GGML_QUANT_SIZES[kind]
    path = write(tmp_path / "a.gguf", {"blk.0.ffn_up.weight": quantized(kind, 3, 2 * numel)})

    (group,) = paramcalc.load(path).groups

    assert group.shape == (3, 2 * numel)
    assert group.stored_bytes == 6 * size
    assert str(group.stored_type).upper() == kind.name


def test_without_a_head_the_table_is_tied(tmp_path: Path) -> None:
    tied = paramcalc.load(write(tmp_path / "a.gguf", dense(), heads()))
    assert [(tie.template, tie.target) for tie in tied.ties] == [
        ("output.weight", "token_embd.weight")
    ]
    whole = dense() | {"output.weight": zeros(VOCABULARY, WIDTH)}
    untied = paramcalc.load(write(tmp_path / "b.gguf", whole, heads()))
    assert untied.ties == ()
    assert untied.parameters.total - tied.parameters.total == VOCABULARY * WIDTH
    # Either way the table, and the head if it has memory of its own, are left out once.
    assert tied.parameters.active_no_embedding == untied.parameters.active_no_embedding


def test_kinds_and_buffers(tmp_path: Path) -> None:
    more = {"rope_freqs.weight": np.zeros(8, np.float32), "blk.0.attn_k.bias": zeros(32)}
    model = paramcalc.load(write(tmp_path / "a.gguf", dense() | more, heads()))
    kinds = {group.template: (group.kind, group.category) for group in model.groups}
    assert kinds["token_embd.weight"] == ("Embedding", "embeddings")
    assert kinds["output_norm.weight"] == ("RMSNorm", "norms")
    assert kinds["blk.{}.attn_norm.weight"] == ("RMSNorm", "norms")
    assert kinds["blk.{}.attn_q.weight"] == ("Linear", "weights")
    assert kinds["blk.{}.attn_k.bias"] == ("Linear", "biases")
    assert kinds["rope_freqs.weight"] == ("Buffer", "buffers")
    assert model.parameters.buffers == 8


def test_fused_experts(tmp_path: Path) -> None:
    def experts(writer: GGUFWriter) -> None:
        writer.add_expert_count(8)
        writer.add_expert_used_count(2)

    up = {f"blk.{n}.ffn_up_exps.weight": zeros(8, 32, WIDTH) for n in range(LAYERS)}
    model = paramcalc.load(write(tmp_path / "a.gguf", dense() | up, heads(), experts))
    counts = model.parameters
    assert counts.total - counts.active == LAYERS * 6 * 32 * WIDTH


def split(folder: Path) -> list[Path]:
    write(folder / "model.gguf", dense(), heads(), split_max_tensors=9)
    return sorted(folder.glob("*.gguf"))


def test_a_file_in_parts(tmp_path: Path) -> None:
    parts = split(tmp_path)
    assert len(parts) == 4
    (tmp_path / "one").mkdir()
    whole = paramcalc.load(write(tmp_path / "one" / "model.gguf", dense(), heads()))
    for path in (tmp_path, *parts):
        model = paramcalc.load(path)
        assert model.parameters == whole.parameters
        assert model.caches == whole.caches
        assert model.stored_bytes == whole.stored_bytes
        assert "3 more parts" in str(model.source)


# --- caches, by what the architecture says --------------------------------------------------------


def caches(path: Path, tensors: Mapping[str, Any], *metadata: Metadata, arch: str) -> list[Cache]:
    return list(paramcalc.load(write(path, tensors, *metadata, arch=arch)).caches)


@pytest.mark.parametrize(
    ("arch", "sliding"),
    [("gemma2", 3), ("gemma3", 5), ("gpt-oss", 3), ("cohere2", 5), ("phi3", 0), ("llama", 0)],
)
def test_a_sliding_window(tmp_path: Path, arch: str, sliding: int) -> None:
    found = caches(
        tmp_path / "a.gguf", dense(), heads(), lambda w: w.add_sliding_window(512), arch=arch
    )
    counts = {cache.limit: cache.count for cache in found}
    assert counts == {limit: n for limit, n in ((512, sliding), (None, 6 - sliding)) if n}


def test_a_list_says_which_layers_slide(tmp_path: Path) -> None:
    def window(writer: GGUFWriter) -> None:
        writer.add_sliding_window(512)
        writer.add_sliding_window_pattern([True, True, False, True, True, False])

    found = caches(tmp_path / "a.gguf", dense(), heads(), window, arch="gemma3")
    assert {cache.limit: cache.count for cache in found} == {512: 4, None: 2}


def test_chunks(tmp_path: Path) -> None:
    found = caches(tmp_path / "a.gguf", dense(), heads(), arch="llama4")
    assert {cache.limit: cache.count for cache in found} == {8192: 5, None: 1}


def test_heads_of_each_layer_and_recurrent_ones(tmp_path: Path) -> None:
    def ssm(writer: GGUFWriter) -> None:
        writer.add_ssm_conv_kernel(4)
        writer.add_ssm_inner_size(128)
        writer.add_ssm_state_size(16)
        writer.add_ssm_group_count(2)
        writer.add_ssm_time_step_rank(8)

    conv = {f"blk.{n}.ssm_conv1d.weight": zeros(192, 4) for n in (0, 1, 2)}
    layers = {k: v for n in (3, 4) for k, v in attention(n, 16 * (n - 2)).items()}
    feed_forward = {"blk.5.ffn_up.weight": zeros(8, WIDTH)}
    found = caches(
        tmp_path / "a.gguf",
        ends() | conv | layers | feed_forward,
        heads([0, 0, 0, 1, 2, 0]),
        ssm,
        arch="nemotron_h",
    )
    assert found == [
        Cache("recurrent", sequence_numel=3 * (128 + 2 * 2 * 16) + 16 * 128, count=3),
        Cache("attention", 1 * 2 * 16),
        Cache("attention", 2 * 2 * 16),
    ]


def test_latent_attention(tmp_path: Path) -> None:
    def latent(writer: GGUFWriter) -> None:
        writer.add_kv_lora_rank(48)
        writer.add_rope_dimension_count(8)
        writer.add_value_length(48)
        writer.add_key_length_mla(24)
        writer.add_value_length_mla(16)

    layers = {f"blk.{n}.attn_kv_a_mqa.weight": zeros(56, WIDTH) for n in range(LAYERS)}

    def key(writer: GGUFWriter) -> None:
        heads(1)(writer)
        writer.add_key_length(56)

    found = caches(tmp_path / "a.gguf", ends() | layers, key, latent, arch="deepseek2")
    assert found == [Cache("latent", 56, expanded_token_numel=4 * (24 + 16), count=LAYERS)]


def test_layers_for_further_tokens_have_no_cache(tmp_path: Path) -> None:
    model = paramcalc.load(
        write(
            tmp_path / "a.gguf",
            dense(),
            heads(),
            lambda w: w.add_nextn_predict_layers(1),
            arch="glm4moe",
        )
    )
    assert [cache.count for cache in model.caches] == [5]
    assert model.parameters.mtp == WIDTH + 2 * WIDTH * WIDTH + 2 * 32 * WIDTH


def test_an_encoder_remembers_nothing(tmp_path: Path) -> None:
    def encoder(writer: GGUFWriter) -> None:
        writer.add_causal_attention(False)

    model = paramcalc.load(write(tmp_path / "a.gguf", dense(), heads(), encoder, arch="bert"))
    assert (model.caches, model.ties) == ((), ())


def test_metadata_that_do_not_tell_leave_the_weights(tmp_path: Path) -> None:
    model = paramcalc.load(write(tmp_path / "a.gguf", dense()))
    assert model.caches == ()
    assert "the metadata do not tell what the layers remember" in str(model.source)
    assert model.parameters.total > 0


# --- lies -----------------------------------------------------------------------------------------


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def key(name: bytes, kind: int, value: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + value


def tensor(
    name: bytes = b"a", shape: tuple[int, ...] = (32,), kind: int = 0, offset: int = 0
) -> bytes:
    sizes = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + sizes + struct.pack("<IQ", kind, offset)


def file_of(
    *parts: bytes,
    keys: int = 0,
    tensors: int = 0,
    version: int = 3,
    data: int = 128,
    magic: bytes = b"GGUF",
) -> bytes:
    content = magic + struct.pack("<IQQ", version, tensors, keys) + b"".join(parts)
    return content + bytes(-len(content) % 32 + data)


def array(kind: int, count: int, values: bytes = b"") -> bytes:
    return struct.pack("<IQ", kind, count) + values


ALIGNMENT = b"general.alignment"
HUGE = 2**64 - 1
LIES = [
    ("nothing", b"", "no GGUF file"),
    ("another mark", file_of(magic=b"GGML"), "no GGUF file"),
    ("a pointer of git-lfs", b"version https://git-lfs.github.com/spec/v1\n", "git-lfs"),
    ("version 1", file_of(version=1), "version 1 of"),
    ("version 4", file_of(version=4), "version 4 of"),
    ("version 0", file_of(version=0), "version 0 of"),
    ("no tensors", file_of(), "holds no tensors"),
    ("2**63 tensors", file_of(tensors=2**63), "9,223,372,036,854,775,808 tensors"),
    ("2**64 keys", file_of(keys=HUGE), "18,446,744,073,709,551,615 keys"),
    ("more keys than there are", file_of(keys=3, data=0), "breaks off"),
    ("more tensors than there are", file_of(tensor(), tensors=20_000, data=0), "breaks off"),
    ("a key of 2**63 bytes", file_of(struct.pack("<Q", 2**63), keys=1), "breaks off"),
    ("a key of a megabyte", file_of(text(b"k" * 10**6), keys=1), "longer than 1,000 bytes"),
    ("a key that is no text", file_of(key(b"\xff", 4, bytes(4)), keys=1), "no text"),
    ("a key twice", file_of(key(b"k", 4, bytes(4)) * 2, keys=2), "`k` is there twice"),
    ("an unknown kind of value", file_of(key(b"k", 13, b""), keys=1), "unknown type 13"),
    ("an array of arrays", file_of(key(b"k", 9, array(9, 1)), keys=1), "elements of the type 9"),
    ("an array of 2**63", file_of(key(b"k", 9, array(4, 2**63)), keys=1), "breaks off"),
    ("2**63 texts", file_of(key(b"k", 9, array(8, 2**63)), keys=1), "texts"),
    ("a million texts", file_of(key(b"k", 9, array(8, 10**6)), keys=1), "breaks off"),
    ("a text of 2**64", file_of(key(b"k", 9, array(8, 2, b"\xff" * 8)), keys=1), "breaks off"),
    ("an alignment of 0", file_of(key(ALIGNMENT, 4, bytes(4)), keys=1), "no power of two"),
    ("an alignment of 24", file_of(key(ALIGNMENT, 4, b"\x18\0\0\0"), keys=1), "no power of two"),
    ("an alignment that is a text", file_of(key(ALIGNMENT, 8, text(b"8")), keys=1), "no power"),
    ("a tensor twice", file_of(tensor() * 2, tensors=2), "`a` is there twice"),
    ("no name", file_of(tensor(b""), tensors=1), "empty name"),
    ("escape codes", file_of(tensor(b"\x1b[31m"), tensors=1), "printable"),
    ("100 dimensions", file_of(tensor(shape=(1,) * 100), tensors=1), "100 dimensions"),
    ("2**32 dimensions", file_of(text(b"a"), b"\xff" * 32, tensors=1), "4,294,967,295 dim"),
    ("2**64 elements", file_of(tensor(shape=(HUGE,)), tensors=1), "larger than any tensor"),
    ("2**128 elements", file_of(tensor(shape=(2**32,) * 4), tensors=1), "larger than any"),
    ("an unknown type", file_of(tensor(kind=99), tensors=1), "number format 99, which is not"),
    ("a type given up", file_of(tensor(kind=4), tensors=1), "number format 4, which is not known"),
    ("a row that is no block", file_of(tensor(shape=(33,), kind=8), tensors=1), "rows of 33"),
    ("out of range", file_of(tensor(shape=(33,)), tensors=1), "breaks off: `a` ends at byte 132"),
    ("an offset of 2**63", file_of(tensor(offset=2**63), tensors=1), "breaks off"),
    ("not aligned", file_of(tensor(offset=4, shape=(1,)), tensors=1), "are not aligned"),
    ("overlapping", file_of(tensor() + tensor(b"b"), tensors=2), "`a` and `b` overlap"),
    ("one of two parts", file_of(key(b"split.count", 2, b"\2\0"), tensor(), keys=1, tensors=1),
     "is one of 2 parts"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), [r[1:] for r in LIES], ids=[r[0] for r in LIES])
def test_a_lie_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    assert message in refused(path)


def test_a_file_that_breaks_off_anywhere(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gguf", {"a.weight": zeros(2, 16)}, heads(), vocabulary(3))
    whole = path.read_bytes()
    for length in range(len(whole) - 32):
        path.write_bytes(whole[:length])
        refused(path)


def texts(count: int, size: int) -> bytes:
    values = (struct.pack("<Q", size) + b"x" * size) * count
    return file_of(key(b"k", 9, array(8, count, values)), tensor(), keys=1, tensors=1)


def names(count: int, size: int) -> bytes:
    described = (tensor((b"%d" % n).rjust(size, b"x"), (0,)) for n in range(count))
    return file_of(*described, tensors=count)


def lists(count: int) -> bytes:
    keys = (key(b"k%d" % n, 9, array(0, 4096, bytes(4096))) for n in range(count))
    return file_of(*keys, keys=count)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (texts(1_900_000, 0)[:-200], "breaks off"),
        (texts(2_100_000, 0), "2,100,000 texts"),
        (texts(200, 1_000_000)[:199_000_000], "breaks off"),
        (names(60_000, 10), "60,000 tensors"),
        (names(20_000, 900)[:-150], "breaks off"),
        (lists(20_000), "no tensors"),
        (lists(20_001), "20,001 keys"),
    ],
    ids=["empty texts", "more texts", "long texts", "tensors", "names", "lists", "keys"],
)
def test_a_flood_is_refused_soon_and_in_little_memory(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    del content
    assert message in refused(path)
    assert megabytes_for(path) < 100


def test_a_header_longer_than_any(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(file_of(key(b"k", 9, array(0, 10**10)), keys=1))
    with path.open("r+b") as file:
        file.truncate(2 * 10**10)  # a sparse file
    assert "header is longer than 200,000,000 bytes" in refused(path)


@has_pipes
def test_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.gguf")
    assert "not a regular file" in refused(tmp_path / "a.gguf")
    (tmp_path / "b.gguf").symlink_to("/dev/zero")
    assert "not a regular file" in refused(tmp_path / "b.gguf")


# --- parts that lie -------------------------------------------------------------------------------


def test_as_many_tensors_as_are_read(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(names(20_000, 900))
    start = time.process_time()
    assert paramcalc.load(path).tensor_count == 20_000
    assert time.process_time() - start < 10
    assert megabytes_for(path) < 100


def test_a_missing_part(tmp_path: Path) -> None:
    parts = split(tmp_path)
    parts[1].unlink()
    assert "of 4 parts 1 are missing: `model-00002-of-00004.gguf`" in refused(parts[0])
    assert "1 are missing" in refused(tmp_path)


def test_a_part_of_another_place(tmp_path: Path) -> None:
    parts = split(tmp_path)
    parts[1].write_bytes(parts[2].read_bytes())
    assert "says that it is part 3 of 4" in refused(parts[0])


def test_a_part_outside_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    parts = split(tmp_path / "in")
    parts[1].rename(tmp_path / "out.gguf")
    parts[1].symlink_to(tmp_path / "out.gguf")
    assert "outside of its folder" in refused(parts[0])


def test_more_parts_than_there_can_be(tmp_path: Path) -> None:
    path = split(tmp_path)[0].rename(tmp_path / "model-00001-of-99999.gguf")
    assert "99,999 parts" in refused(path)


def test_a_count_of_tensors_that_lies(tmp_path: Path) -> None:
    parts = split(tmp_path)
    content = parts[0].read_bytes()
    at = content.index(b"split.tensors.count") + len(b"split.tensors.count") + 4
    parts[0].write_bytes(content[:at] + struct.pack("<i", 7) + content[at + 4 :])
    assert "the parts hold 32 tensors, not 7" in refused(parts[0])


def test_several_models_in_a_folder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / f"{name}.gguf", dense(), heads())
    assert "holds 2 models: `a.gguf`, `b.gguf`" in refused(tmp_path)


# --- anything -------------------------------------------------------------------------------------

ONE_FILE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@ONE_FILE
@given(st.binary(max_size=300), st.integers(0, 3), st.integers(0, 3), st.sampled_from("<>"))
def test_any_bytes(tmp_path: Path, content: bytes, tensors: int, keys: int, order: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF" + struct.pack(order + "IQQ", 3, tensors, keys) + content)
    read_or_refused(path)


@ONE_FILE
@given(st.data())
def test_a_header_with_bytes_changed(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "model.gguf"
    if not path.exists():
        write(path, {"blk.0.attn_k.weight": zeros(2, 16)}, heads(), vocabulary(3))
        (tmp_path / "whole").write_bytes(path.read_bytes())
    content = bytearray((tmp_path / "whole").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    read_or_refused(path)
