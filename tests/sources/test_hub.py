"""Hub ids: read over HTTP as a folder is read from a disk, and nothing that a server does hurts."""

from __future__ import annotations

import builtins
import json
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter
from huggingface_hub import constants, utils
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

import paramcalc
from paramcalc.sources import hub_client, waiting
from paramcalc.sources.hub_id import parse_hub_id
from paramcalc.sources.progress import WATCH
from paramcalc.units import short_bytes
from tests.cli.runner import run
from tests.sources import hub_server as server
from tests.sources.hub_server import COMMIT, Hub, Sparse
from tests.sources.test_safetensors import LLAMA, write_model

ORG = "org/name"
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def servers() -> Iterator[Hub]:
    with server.serving() as found:
        yield found
        close_session()


def close_session() -> None:
    """Of whichever version: connections that are kept are closed, or they warn at the end."""
    known: Any = utils
    getattr(known, "close_session", getattr(known, "reset_sessions", lambda: None))()


@pytest.fixture
def hub(servers: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub without repositories, an empty cache, nobody logged in, and little patience."""
    servers.__dict__ |= {
        **{name: {} for name in ("files", "faults", "renamed")},
        "gated": set(),
        "private": set(),
        "asked": [],
        "sent": 0,
    }
    monkeypatch.setattr(constants, "ENDPOINT", servers.url())
    template = servers.url() + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.5)
    monkeypatch.setattr(hub_client, "BACKOFF_SECONDS", 0.001)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    yield servers
    servers.ended.set()  # whoever still hangs may go
    servers.ended.clear()


@pytest.fixture
def model(hub: Hub, tmp_path: Path) -> paramcalc.Model:
    """`org/name` on the hub, in three files, and the same in a folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    write_model(folder, LLAMA, 3)
    hub.add(ORG, folder)
    return paramcalc.load(folder)


def refused(target: str = ORG) -> str:
    """The message that a hub id is refused with, soon and in little memory."""
    start = time.monotonic()
    with pytest.raises(paramcalc.ParamcalcError) as caught:
        paramcalc.load(target)
    assert time.monotonic() - start < 10
    message = str(caught.value)
    assert message.replace("\n", "").isprintable()
    assert "hf_" not in message.replace("hf_hub", "")
    return message


def write_gguf(path: Path, tokens: int = 10) -> None:
    """A small file with a vocabulary, as the reference library writes it."""
    writer = GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_context_length(512)
    writer.add_embedding_length(32)
    writer.add_head_count(4)
    writer.add_token_list([f"token-{n}" for n in range(tokens)])
    for name in ("token_embd.weight", "output.weight", "output_norm.weight"):
        shape = (32,) if "norm" in name else (16, 32)
        writer.add_tensor(name, np.zeros(shape, np.float32), raw_dtype=GGMLQuantizationType.F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("org/name", ("org/name", None, None)),
        ("org/name@main", ("org/name", "main", None)),
        ("org/name@refs/pr/1", ("org/name", "refs/pr/1", None)),
        ("org/name:a.gguf", ("org/name", None, "a.gguf")),
        ("org/name:Q4_K_M/a b.gguf", ("org/name", None, "Q4_K_M/a b.gguf")),
        ("org/name@v1:folder/", ("org/name", "v1", "folder")),
        ("0-9_a/b.c-D", ("0-9_a/b.c-D", None, None)),
        ("name", None),
        ("a/b/c", None),
        ("/a/b", None),
        ("../b", None),
        ("a/..", None),
        ("org/na..me", None),
        ("org/na--me", None),  # two dashes part organisation and name in the cache
        ("org/name:../x.gguf", None),
        ("org/name:/etc/passwd", None),
        ("org/name:a//b", None),
        ("org/name@../../x", None),
        ("org/name:a\\b", None),
        ("org/name:a\nb", None),
        ("org/nam\xe9", None),
        ("org/" + "x" * 97, None),
    ],
)
def test_hub_ids(text: str, parts: tuple[str, str | None, str | None] | None) -> None:
    assert parse_hub_id(text) == parts


@given(st.text(max_size=40) | st.from_regex(r"[\w.-]+/[\w.-]+(@[^:]*)?(:.*)?", fullmatch=True))
def test_a_hub_id_is_written_as_it_was_read(text: str) -> None:
    found = parse_hub_id(text)
    assert found is None or str(found) == text.rstrip("/")


# --- the same as a folder -------------------------------------------------------------------------


def test_a_repository_is_read_as_its_folder(hub: Hub, model: paramcalc.Model) -> None:
    found = paramcalc.load(ORG)

    assert found._replace(name="", source="", card={}, fetched=None) == model._replace(
        name="", source=""
    )
    assert found.name == ORG
    assert found.fetched == f"fetched from {hub.url()}/{ORG} at commit {COMMIT}"
    assert found.source == f"{model.source}; {found.fetched}"
    assert found.card == {"hub": ORG, "licence": "mit"}
    # The repository, configuration, index, and each file once, all but the first with a redirect.
    assert len(hub.asked) == 1 + 2 * (2 + 3)


@pytest.mark.usefixtures("model")
def test_huggingface_hub_reads_the_same(hub: Hub) -> None:
    """The server is like the real one as far as that library can tell."""
    api = huggingface_hub.HfApi(endpoint=hub.url())
    told = api.get_safetensors_metadata(ORG)
    assert told.parameter_count["F16"] == paramcalc.load(ORG).parameters.stored
    assert api.model_info(ORG, revision="main", files_metadata=True).sha == COMMIT


def test_weights_are_not_fetched(hub: Hub) -> None:
    size = 4_000_000_000
    header = json.dumps(
        {"a.weight": {"dtype": "BF16", "shape": [size // 2], "data_offsets": [0, size]}}
    ).encode()
    start = len(header).to_bytes(8, "little") + header
    hub.files[ORG] = {WEIGHTS: Sparse(start, len(start) + size)}
    assert paramcalc.load(ORG).parameters.total == size // 2
    assert hub.sent < 200_000


def test_a_long_header_takes_two_requests(hub: Hub, tmp_path: Path) -> None:
    tensors = {f"layers.{n}.some_long_name.weight": np.zeros((2,)) for n in range(3000)}
    (tmp_path / "x").mkdir()
    save_file(tensors, tmp_path / "x" / WEIGHTS)
    hub.add(ORG, tmp_path / "x")
    assert paramcalc.load(ORG).tensor_count == 3000
    assert len(hub.paths("store")) == 2


@pytest.mark.parametrize(
    ("target", "revision"), [(f"{ORG}@v1.0", "v1.0"), (f"{ORG}@refs/pr/1", "refs%2Fpr%2F1")]
)
def test_a_revision(hub: Hub, model: paramcalc.Model, target: str, revision: str) -> None:
    assert paramcalc.load(target).parameters == model.parameters
    assert f"/revision/{revision}?" in hub.paths()[0]
    assert all(COMMIT in path for path in hub.paths("hub")[1:])  # one state of all files


@pytest.mark.usefixtures("model")
def test_only_the_configuration(hub: Hub) -> None:
    hub.files[ORG] = {"config.json": json.dumps(LLAMA).encode(), "pytorch_model.bin": b"x"}
    found = paramcalc.load(ORG)
    assert found.parameters == paramcalc.load(LLAMA).parameters
    assert found.name == ORG
    assert found.fetched == f"config.json fetched from {hub.url()}/{ORG} at commit {COMMIT}"
    named = paramcalc.load(f"{ORG}:config.json", overrides={"num_hidden_layers": 1})
    assert named.parameters.total < found.parameters.total


def test_a_file_and_a_folder_of_a_repository(hub: Hub, tmp_path: Path) -> None:
    inner = tmp_path / "x" / "unet"
    inner.mkdir(parents=True)
    wanted = write_model(inner, LLAMA).parameters
    hub.add(ORG, tmp_path / "x")
    assert paramcalc.load(f"{ORG}:unet").parameters == wanted
    assert paramcalc.load(f"{ORG}:unet/{WEIGHTS}").parameters == wanted
    assert paramcalc.load(f"{ORG}:unet/config.json").parameters == wanted


def test_a_repository_under_a_new_name(hub: Hub, model: paramcalc.Model) -> None:
    hub.renamed["old/name"] = ORG
    assert paramcalc.load("old/name").parameters == model.parameters


# --- GGUF -----------------------------------------------------------------------------------------


def test_a_gguf_file_by_its_name(hub: Hub, tmp_path: Path) -> None:
    here = tmp_path / "x"
    here.mkdir()
    write_gguf(here / "some-F32.gguf")
    wanted = paramcalc.load(here / "some-F32.gguf")
    write_gguf(here / "some-Q8_0.gguf", 100_000)  # a vocabulary longer than is read at once
    hub.add(ORG, here)
    hub.files[ORG]["mmproj/x-00001-of-00002.gguf"] = b"GGUF"
    hub.files[ORG]["mmproj/x-00002-of-00002.gguf"] = Sparse(b"GGUF", 5_000_000_000)

    for target in (f"{ORG}:some-F32.gguf", f"{ORG}:f32", f"{ORG}@main:F32"):
        found = paramcalc.load(target)
        assert found.parameters == wanted.parameters
        assert found.caches == wanted.caches
        assert str(found.source).startswith("header of some-F32.gguf; fetched from ")
    assert paramcalc.load(f"{ORG}:Q8_0").parameters == wanted.parameters

    assert refused() == (
        f"`{ORG}` holds 3 GGUF models\n"
        f"hint: name one, as in `{ORG}:mmproj/x-00001-of-00002.gguf`\n"
        f"   5.00 GB  mmproj/x-00001-of-00002.gguf\n"
        f"{sized(hub, 'some-F32.gguf')}\n"
        f"{sized(hub, 'some-Q8_0.gguf')}"
    )
    assert "did you mean `some-F32.gguf`" in refused(f"{ORG}:some-F33.gguf")


def sized(hub: Hub, file: str) -> str:
    return f"  {short_bytes(len(hub.files[ORG][file])):>8}  {file}"


def test_the_only_gguf_file_needs_no_name(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "x" / "deep").mkdir(parents=True)
    write_gguf(tmp_path / "x" / "deep" / "some.gguf")
    hub.add(ORG, tmp_path / "x")
    hub.files[ORG]["config.json"] = b"{}"
    assert paramcalc.load(ORG).parameters.total == 2 * 16 * 32 + 32


# --- without network ------------------------------------------------------------------------------


@contextmanager
def no_network() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
        yield


def test_the_catalogue_needs_no_network() -> None:
    with no_network():
        assert paramcalc.load("meta-llama/Llama-3.1-8B").name == "llama-3.1-8b"


@pytest.mark.usefixtures("hub")
def test_a_part_of_a_hub_id_is_not_taken_for_a_catalogued_one() -> None:
    assert "no model named `meta-llama/Llama-3.1-8`" in refused("meta-llama/Llama-3.1-8")
    assert "`llama-3.1-8b`" in refused("meta-llama/Llama-3.1-8")


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("target", ["llama-3.1/8b", "someone/Llama-3.1-8B", "llama/3.1-8b"])
def test_a_model_of_somebody_else_is_another_one(target: str) -> None:
    assert f"no model named `{target}` on" in refused(target)


@pytest.mark.usefixtures("model")
def test_a_path_is_a_path(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "org").mkdir()
    (tmp_path / "here").rename(tmp_path / ORG)
    monkeypatch.chdir(tmp_path)
    assert paramcalc.load(ORG).fetched is None
    assert "cannot read `no/such.gguf`: no such file" in refused("no/such.gguf")
    assert hub.asked == []


def test_what_was_downloaded_is_not_fetched_again(hub: Hub, model: paramcalc.Model) -> None:
    first, *others = sorted(path for path in hub.files[ORG] if path.endswith(".safetensors"))
    for name in ("config.json", first):
        huggingface_hub.hf_hub_download(ORG, name, endpoint=hub.url())
    hub.asked.clear()
    assert paramcalc.load(ORG).parameters == model.parameters
    fetched = {path.rpartition("/")[2] for path in hub.paths() if "/resolve/" in path}
    assert fetched == {*others, "model.safetensors.index.json"}


def test_offline(hub: Hub, model: paramcalc.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in hub.files[ORG]:
        huggingface_hub.hf_hub_download(ORG, name, endpoint=hub.url())
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.asked.clear()

    for target in (ORG, f"{ORG}@{COMMIT}"):
        found = paramcalc.load(target)
        assert found.parameters == model.parameters
        assert found.fetched == f"from the local cache: {ORG} at commit {COMMIT}"
    for target in ("org/other", f"{ORG}@v1.0", f"{ORG}@{'0' * 40}"):
        assert refused(target) == (
            f"`{target}` is not in the local cache, and HF_HUB_OFFLINE forbids to ask for it\n"
            "hint: unset HF_HUB_OFFLINE"
        )
    assert hub.asked == []


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def fake(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "huggingface_hub":
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", fake)
    assert refused("org/name@v2").startswith(
        "`org/name@v2` is not in the catalogue; asking a hub for it takes huggingface_hub\n"
        "hint: install it: pip install 'paramcalc[hub]'"
    )
    near = "near it in the catalogue: `llama-3.1-8b`"
    assert near in refused("meta-llama/Llama-3.1-8")


# --- refusals -------------------------------------------------------------------------------------


def test_not_there(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    message = refused("org/Llama-3.1-8B-mine")
    assert message.startswith("no model named `org/Llama-3.1-8B-mine` on 127.0.0.1:")
    assert "near it in the catalogue: `llama-3.1-8b`" in message
    assert "if it is a private one, set HF_TOKEN" in message
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert "private" not in refused("org/Llama-3.1-8B-mine")


def test_private(hub: Hub, model: paramcalc.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.private.add(ORG)
    assert "if it is a private one, set HF_TOKEN" in refused()
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert paramcalc.load(ORG).parameters == model.parameters


@pytest.mark.usefixtures("model")
def test_gated(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.gated.add(ORG)
    assert refused() == (
        f"`{ORG}` is gated: its files are for those who accepted its terms\n"
        f"hint: accept the terms at {hub.url()}/{ORG}; then set HF_TOKEN to a token of that account"
    )
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert "the account of the token in use has not" in refused()


@pytest.mark.usefixtures("model")
def test_a_wrong_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert "does not accept the token" in refused()
    monkeypatch.setenv("HF_TOKEN", "hf_t\xf6ken")
    assert "the token in use is none" in refused()


@pytest.mark.usefixtures("model")
def test_no_such_revision_or_file(hub: Hub) -> None:
    assert refused(f"{ORG}@v9") == f"`{ORG}` has no revision `v9`"
    assert refused(f"{ORG}:x.gguf") == f"`{ORG}` has no file `x.gguf`"
    hub.files[ORG] = {"README.md": b"x"}
    assert refused() == f"`{ORG}` has neither a checkpoint nor a config.json"
    assert "is of no kind that can be read" in refused(f"{ORG}:README.md")
    hub.files[ORG] = {"pytorch_model.bin": b"x"}
    assert "is a pickle" in refused()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (server.status(418), "answers with status 418 for `model.safetensors`"),
        (server.status(500), "cannot answer for `model.safetensors` (status 500)"),
        (server.status(503, Retry_After="0"), "(status 503)"),
        (server.status(429), "has had too many requests\nhint: try again then; with HF_TOKEN set"),
        (server.status(429, Retry_After="120"), "and asks to wait 120 seconds"),
        (server.status(429, Retry_After="Fri, 01 Jan 2100 00:00:00 GMT"), "asks to wait"),
        (server.status(403), "does not let you read `model.safetensors`"),
        (server.status(404, "EntryNotFound"), "has no file `model.safetensors`"),
        (server.status(206), "another part of `model.safetensors` than was asked for"),
        (server.cut, "the connection to 127.0.0.1"),
        (server.closed, "breaks off"),
        (server.silent, "does not answer in time"),
        (server.endless, "sends all of `model.safetensors` where a part was asked for"),
        (server.more, "the header is no JSON object"),
        (server.elsewhere, "another part of `model.safetensors` than was asked for"),
        (server.packed, "in another encoding than asked"),
        (server.redirected("/org/name/resolve/main/model.safetensors"), "in a circle"),
        (server.redirected("file:///etc/passwd"), "to no address that can be used"),
        (server.redirected("http://["), " to no address that can be used"),
        (server.redirected(""), "to no address that can be used"),
        (server.redirected("http://127.0.0.1:9/x"), "127.0.0.1:9 does not take connections"),
    ],
)
def test_what_a_server_does(
    hub: Hub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: server.Fault,
    message: str,
) -> None:
    (tmp_path / "x").mkdir()
    write_model(tmp_path / "x", LLAMA)
    hub.add(ORG, tmp_path / "x")
    hub.faults[f"/resolve/{COMMIT}/{WEIGHTS}"] = [fault]
    hub.faults[f"/resolve/main/{WEIGHTS}"] = [fault]
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.1)
    tracemalloc.start()
    try:
        told = refused()
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert message in told
    assert hub.sent < 10_000_000


@pytest.mark.parametrize(
    "faults",
    [
        [server.status(500), server.status(502), server.status(503), server.fine],
        [server.status(429, Retry_After="0"), server.fine],
        [server.cut, server.fine],
        [server.closed, server.closed, server.fine],
        [server.slow],
    ],
    ids=["5xx", "429", "cut", "closed", "slow"],
)
def test_what_passes(hub: Hub, model: paramcalc.Model, faults: list[server.Fault]) -> None:
    hub.faults["model-00002-of-00003.safetensors"] = faults
    assert paramcalc.load(ORG).parameters == model.parameters


@pytest.mark.usefixtures("model")
def test_a_pause_is_kept(hub: Hub) -> None:
    hub.faults["config.json"] = [server.status(429, Retry_After="1"), server.fine]
    start = time.monotonic()
    paramcalc.load(ORG)
    assert time.monotonic() - start >= 1


@pytest.mark.parametrize("file", ["config.json", f"/revision/main", WEIGHTS])  # noqa: F541
@pytest.mark.parametrize("fault", [server.dripping, server.silent])
def test_there_is_an_end(
    hub: Hub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    fault: server.Fault,
) -> None:
    (tmp_path / "x").mkdir()
    write_model(tmp_path / "x", LLAMA)
    hub.add(ORG, tmp_path / "x")
    monkeypatch.setattr(waiting, "MOST_SECONDS", 0.3)
    hub.faults[file] = [fault]
    start = time.monotonic()
    assert "took longer than 0.3 seconds" in refused()
    assert time.monotonic() - start < 2


def test_servers_that_send_all(hub: Hub, tmp_path: Path) -> None:
    """A small file is one that was sent whole; weights are not downloaded."""
    (tmp_path / "x").mkdir()
    save_file({"a.weight": np.zeros((5, 4))}, tmp_path / "x" / WEIGHTS)
    hub.add(ORG, tmp_path / "x")
    hub.faults[""] = [server.whole]
    assert paramcalc.load(ORG).parameters.total == 20
    # An index is longer than what is asked for of weights at first.
    long = json.dumps({"metadata": {"a": "x" * 500_000}, "weight_map": {"a.weight": WEIGHTS}})
    hub.files[ORG]["model.safetensors.index.json"] = long.encode()
    assert paramcalc.load(ORG).parameters.total == 20
    del hub.files[ORG]["model.safetensors.index.json"]
    hub.files[ORG][WEIGHTS] = Sparse(b"", 50_000_000)
    assert "sends all of `model.safetensors`" in refused()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>", "cannot read the JSON"),
        (b"[]", "is no JSON object"),
        (b"{}", "answers, but not as a hub does"),
        (b'{"sha": "../../x"}', "answers, but not as a hub does"),
        (b'{"sha": "' + COMMIT.encode() + b'", "siblings": 7}', "neither a checkpoint"),
        (b'{"sha": "' + COMMIT.encode() + b'", "siblings": [7, {"rfilename": 7}]}', "neither"),
        (
            b'{"sha": "' + COMMIT.encode() + b'", "siblings": [{"rfilename": "../../a.gguf"}]}',
            "neither",
        ),
        (b"{" + b" " * 16_000_000 + b"}", "is over 16,000,000 bytes"),
    ],
)
@pytest.mark.usefixtures("model")
def test_what_is_said_of_a_repository(hub: Hub, body: bytes, message: str) -> None:
    def said(handler: server.Handler) -> bool:
        handler.send(200, body, {})
        return True

    hub.faults["/revision/main"] = [said]
    assert message in refused()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", Sparse(b"{", 10**12), "`org/name:config.json` is larger than 16,000,000"),
        ("model.safetensors.index.json", Sparse(b"{", 10**12), "is too large for an index"),
        (
            "model.safetensors.index.json",
            b'{"weight_map": {"a": "../../etc/passwd"}}',
            "`../../etc/passwd` is no name of a file in the same folder",
        ),
        (
            "model.safetensors.index.json",
            b'{"weight_map": {"a": "b.safetensors"}}',
            "`b.safetensors` is missing",
        ),
        (WEIGHTS, b"", "is too short for a safetensors file: 0 bytes"),
        (WEIGHTS, b"\xff" * 8 + b"x" * 100, "is no safetensors file"),
        (WEIGHTS, Sparse((2 * 10**7).to_bytes(8, "little"), 10**7), "breaks off"),
        (WEIGHTS, Sparse((9 * 10**7).to_bytes(8, "little"), 10**9), "too large to look at"),
        ("a.gguf", Sparse(b"GGUF\3\0\0\0" + b"\xff" * 16, 10**12), "the header says it holds"),
    ],
)
def test_files_that_lie(hub: Hub, name: str, content: server.Content, message: str) -> None:
    hub.files[ORG] = {name: content, "config.json": content if name == "config.json" else b"{}"}
    if name.endswith("index.json"):
        hub.files[ORG]["model-00001-of-00002.safetensors"] = b""
    assert message in refused()
    assert hub.sent < 1_000_000


def test_a_header_without_end_is_left(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GGUF file whose vocabulary goes on and on."""
    text = (1000).to_bytes(8, "little") + b"x" * 1000
    start = b"GGUF" + (3).to_bytes(4, "little") + bytes(8) + (1).to_bytes(8, "little")
    key = (1).to_bytes(8, "little") + b"k" + (9).to_bytes(4, "little") + (8).to_bytes(4, "little")
    hub.files[ORG] = {"a.gguf": start + key + (10**6).to_bytes(8, "little") + text * 5000}
    monkeypatch.setattr(waiting, "MOST_BYTES", 2_000_000)
    assert "the headers take more than 2,000,000 bytes" in refused()


# --- the token ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("model")
def test_the_token_goes_to_the_hub_alone(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", hub.token)
    paramcalc.load(ORG)
    by_server = {
        name: {one.headers.get("authorization") for one in hub.asked if one.server == name}
        for name in ("hub", "store")
    }
    assert by_server == {"hub": {f"Bearer {hub.token}"}, "store": {None}}


@pytest.mark.usefixtures("model")
def test_no_token_where_none_is_wanted(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", hub.token)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", True)
    paramcalc.load(ORG)
    assert {one.headers.get("authorization") for one in hub.asked} == {None}


@pytest.mark.parametrize("debug", [(), ("--debug",)])
@pytest.mark.usefixtures("model")
def test_the_token_is_not_shown(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, debug: tuple[str, ...]
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    for fault in (server.status(401), server.closed, server.status(500), server.redirected("x:/")):
        hub.faults["config.json"] = [fault]
        result = run(["count", ORG, *debug])
        assert result.code == 2
        assert "secret" not in result.stdout + result.stderr


# --- the way there --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("http://127.0.0.1:9", "127.0.0.1:9 does not take connections\nhint: what was downloaded"),
        ("http://hub.invalid", "no address for hub.invalid: there may be no network"),
        ("hub.example", "HF_ENDPOINT is no address of a hub\nhint: it is written as https://"),
        ("ftp://hub.example", "HF_ENDPOINT is no address of a hub"),
        ("http://[", "is no address of a hub"),
        ("http://u:pw@127.0.0.1:9", "127.0.0.1:9 does not take connections"),
    ],
)
@pytest.mark.usefixtures("hub")
def test_no_hub(monkeypatch: pytest.MonkeyPatch, endpoint: str, message: str) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    told = refused()
    assert message in told
    assert "pw" not in told


def test_no_certificate(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = hub.url().replace("http:", "https:")
    monkeypatch.setattr(constants, "ENDPOINT", plain)
    told = refused()
    assert "has no certificate that is trusted here" in told or "breaks off" in told


@pytest.mark.usefixtures("hub")
def test_a_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    close_session()  # proxies are looked up once
    monkeypatch.setattr(constants, "ENDPOINT", "http://hub.example")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    try:
        assert "the proxy" in refused() or "does not take connections" in refused()
    finally:
        close_session()


# --- many files -----------------------------------------------------------------------------------


def many(hub: Hub, count: int) -> int:
    """A repository of so many files; their parameters in all."""
    files: dict[str, server.Content] = {}
    for number in range(1, count + 1):
        entry = {"dtype": "BF16", "shape": [50, 10], "data_offsets": [0, 1000]}
        header = json.dumps({f"layers.{number}.weight": entry}).encode()
        start = len(header).to_bytes(8, "little") + header
        files[f"model-{number:05}-of-{count:05}.safetensors"] = Sparse(start, len(start) + 1000)
    hub.files[ORG] = files
    return count * 500


def test_many_files_are_read_side_by_side(hub: Hub) -> None:
    total = many(hub, 40)
    at_once: list[int] = []
    running = 0
    lock = threading.Lock()

    def counted(_: server.Handler) -> bool:
        nonlocal running
        with lock:
            running += 1
            at_once.append(running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return False

    hub.faults[".safetensors"] = [counted]
    assert paramcalc.load(ORG).parameters.total == total
    assert 4 <= max(at_once) <= waiting.AT_ONCE


def test_whoever_watches_is_told(hub: Hub) -> None:
    many(hub, 12)
    steps: list[int] = []

    @contextmanager
    def watch(count: int) -> Iterator[Any]:
        steps.append(count)
        yield lambda: steps.append(-1)

    token = WATCH.set(watch)
    try:
        paramcalc.load(ORG)
    finally:
        WATCH.reset(token)
    assert steps == [12, *[-1] * 12]


# --- the command line -----------------------------------------------------------------------------


def environment(hub: Hub, tmp_path: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    own = {"HF_ENDPOINT": hub.url(), "HF_HOME": str(tmp_path / "home"), "COLUMNS": "80"}
    return {**kept, **own, "PYTHONWARNINGS": "error", **more}


@pytest.mark.usefixtures("model")
def test_the_commands(tmp_path: Path) -> None:
    for arguments, code in (
        (["count", ORG], 0),
        (["memory", ORG], 0),
        (["fit", ORG, "--gpu", "24gb"], 0),
        (["show", ORG], 0),
        (["verify", ORG, str(tmp_path / "here")], 0),
        (["verify", "llama-3.1-8b", ORG], 1),
        (["compare", ORG, "llama-3.1-8b"], 0),
    ):
        result = run(arguments)
        assert (result.code, result.stderr) == (code, ""), arguments
        assert COMMIT in " ".join(result.stdout.split()).replace(" ", ""), arguments
        document = json.loads(run([*arguments, "--json"]).stdout)
        assert any(COMMIT in str(one["source"]) for one in document["results"]) or code
    shown = json.loads(run(["show", ORG, "--json"]).stdout)["results"][0]
    assert (shown["hub"], shown["licence"]) == (ORG, "mit")


def test_the_environment_is_heeded(hub: Hub, model: paramcalc.Model, tmp_path: Path) -> None:
    """A process of its own, as a shell starts it."""
    done = subprocess.run(
        [sys.executable, "-m", "paramcalc", "count", ORG, "--json"],
        env=environment(hub, tmp_path, HF_TOKEN=hub.token),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    (result,) = json.loads(done.stdout)["results"]
    assert result["parameters"]["total"] == model.parameters.total
    assert f"{hub.url()}/{ORG}" in result["source"]
    assert hub.asked[0].headers["authorization"] == f"Bearer {hub.token}"
    assert not list((tmp_path / "home").rglob("*"))  # nothing is written


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
def test_a_bar_for_whoever_waits(hub: Hub, tmp_path: Path) -> None:
    many(hub, 30)
    command = [sys.executable, "-m", "paramcalc", "count", ORG]
    terminal, ours = os.openpty()
    try:
        told = environment(hub, tmp_path, TERM="xterm")
        done = subprocess.run(
            command, env=told, stdout=subprocess.PIPE, stderr=ours, check=False, timeout=60
        )
        shown = os.read(terminal, 1 << 16).decode()
    finally:
        os.close(terminal)
        os.close(ours)
    assert done.returncode == 0
    assert "reading headers" in shown
    assert "/30" in shown
    assert b"reading" not in done.stdout
    assert b"\x1b" not in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
def test_an_interrupt_is_heeded_at_once(hub: Hub, tmp_path: Path) -> None:
    many(hub, 30)
    hub.faults[".safetensors"] = [server.silent]
    told = environment(hub, tmp_path, HF_HUB_DOWNLOAD_TIMEOUT="30")
    command = [sys.executable, "-m", "paramcalc", "count", ORG]
    with subprocess.Popen(command, env=told, stderr=subprocess.PIPE) as process:
        while len(hub.asked) < 5:
            time.sleep(0.01)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
    assert time.monotonic() - start < 5


def test_a_catalogued_hub_id_loads_no_client() -> None:
    program = (
        "import sys, paramcalc; paramcalc.load('meta-llama/Llama-3.1-8B');"
        "sys.exit('huggingface_hub' in sys.modules or 'paramcalc.sources.hub' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
