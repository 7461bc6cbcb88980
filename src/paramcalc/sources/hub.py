"""A repository of a model hub as a model: headers and configuration are fetched, never weights.

``huggingface_hub`` says where the hub is (``HF_ENDPOINT``), who asks (``HF_TOKEN``, or whoever has
logged in), what was downloaded before (its cache, which is read and not written) and whether the
network may be used at all (``HF_HUB_OFFLINE``).
Routes: https://huggingface.co/docs/hub/api, and huggingface_hub, file_download.py and hf_api.py.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from paramcalc.catalogue.files import decode, is_folder
from paramcalc.catalogue.strict_json import parse_json
from paramcalc.core.model import Model
from paramcalc.errors import ParamcalcError, shorten
from paramcalc.sources import hub_library
from paramcalc.sources.checkpoint import model_at
from paramcalc.sources.configuration import Reading
from paramcalc.sources.folder import CONFIGURATION, MOST_FILES, Folder, LocalFolder
from paramcalc.sources.hub_choice import chosen
from paramcalc.sources.hub_client import Client, host_of
from paramcalc.sources.hub_errors import Subject
from paramcalc.sources.hub_folder import HubFolder, Repository
from paramcalc.sources.hub_id import HubId
from paramcalc.sources.waiting import Limit

DEFAULT_REVISION = "main"
MOST_INFO_BYTES = 16_000_000
_COMMIT = re.compile(r"[0-9a-f]{40}")


def model_from_hub(hub_id: HubId, reading: Reading) -> Model:
    """The model in a repository; network unless ``HF_HUB_OFFLINE`` is set."""
    constants = hub_library.constants(hub_id)
    if constants.HF_HUB_OFFLINE:
        return _downloaded(hub_id, Path(constants.HF_HUB_CACHE), reading)
    limit = Limit()
    try:
        client = Client(
            constants.ENDPOINT, hub_library.token(), constants.HF_HUB_DOWNLOAD_TIMEOUT, limit
        )
        repository, card = _asked(client, hub_id)
        prefix, file = chosen(repository.files, hub_id)
        model = model_at(HubFolder(repository, prefix), file, str(hub_id), reading)
    finally:
        limit.stop()
    told = f"fetched from {repository.subject.address} at commit {repository.commit}"
    return _told(model, told, card)


def _told(model: Model, fetched: str, card: Mapping[str, Any]) -> Model:
    """The model, saying where it comes from."""
    if model.stored_bytes is None:
        fetched = f"{CONFIGURATION} {fetched}"
    source = "; ".join(filter(None, [model.source, fetched]))
    return model._replace(source=source, fetched=fetched, card=card)


def _asked(client: Client, hub_id: HubId) -> tuple[Repository, Mapping[str, Any]]:
    """What the hub says of the repository: commit, files, licence."""
    revision = hub_id.revision or DEFAULT_REVISION
    address = f"{_without_login(client.endpoint)}/{hub_id.repository}"
    has_token = client.token is not None
    subject = Subject(client.host, address, hub_id.repository, revision, None, has_token)
    path = f"/api/models/{hub_id.repository}/revision/{quote(revision, safe='')}?blobs=true"
    said = decode(client.document(path, subject, MOST_INFO_BYTES), client.host, MOST_INFO_BYTES)
    info = parse_json(said, client.host)
    commit = info.get("sha")
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise ParamcalcError(
            f"{client.host} answers, but not as a hub does: it names no commit",
            "HF_ENDPOINT may lead elsewhere",
        )
    card: dict[str, Any] = {"hub": hub_id.repository}
    about = info.get("cardData")
    if isinstance(about, Mapping) and isinstance(about.get("license"), str):
        card["licence"] = shorten(about["license"])
    return Repository(client, subject, commit, _files(info.get("siblings"))), card


def _without_login(endpoint: str) -> str:
    return f"{urlsplit(endpoint).scheme}://{host_of(endpoint)}{urlsplit(endpoint).path}"


def _files(siblings: Any) -> dict[str, int | None]:
    """Paths and sizes; what is no path is left out."""
    rows = siblings if isinstance(siblings, list) else []
    if len(rows) > MOST_FILES:
        raise ParamcalcError(f"the repository has more than {MOST_FILES:,} files")
    found: dict[str, int | None] = {}
    for row in (row for row in rows if isinstance(row, Mapping)):
        path, size = row.get("rfilename"), row.get("size")
        if isinstance(path, str) and _is_path(path):
            found[path] = size if type(size) is int and size >= 0 else None
    return found


def _is_path(text: str) -> bool:
    """It leads to nowhere but into the repository."""
    plain = text.isprintable() and len(text) <= 500 and "\\" not in text
    return plain and not {"", ".", ".."} & set(text.split("/"))


# --- without network -----------------------------------------------------------------------------


def _downloaded(hub_id: HubId, cache: Path, reading: Reading) -> Model:
    """The model as far as huggingface_hub has downloaded it."""
    home = cache / f"models--{hub_id.repository.replace('/', '--')}"
    commit = _downloaded_commit(home, hub_id.revision or DEFAULT_REVISION)
    folder = home / "snapshots" / commit
    if not commit or not is_folder(folder):
        raise ParamcalcError(
            f"`{hub_id}` is not in the local cache, and HF_HUB_OFFLINE forbids to ask for it",
            "unset HF_HUB_OFFLINE",
        )
    prefix, file = chosen(dict(_files_below(folder)), hub_id)
    inner: Folder = LocalFolder(folder / prefix)
    model = model_at(inner, file, str(hub_id), reading)
    told = f"from the local cache: {hub_id.repository} at commit {commit}"
    return _told(model, told, {"hub": hub_id.repository})


def _downloaded_commit(home: Path, revision: str) -> str:
    """The commit that a branch or tag had when it was last asked for."""
    if _COMMIT.fullmatch(revision):
        return revision
    try:
        with (home / "refs" / revision).open("rb") as file:
            commit = file.read(41).decode("ascii", "replace").strip()
    except OSError:
        return ""
    return commit if _COMMIT.fullmatch(commit) else ""


def _files_below(folder: Path) -> Iterator[tuple[str, int | None]]:
    found = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
    for path in islice(found, MOST_FILES):
        try:
            yield path.relative_to(folder).as_posix(), path.stat().st_size
        except OSError:  # a link that leads nowhere
            continue
