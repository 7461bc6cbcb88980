"""A checkpoint by its place: which reader takes it. Weights themselves are never read."""

from __future__ import annotations

from pathlib import Path

from paramcalc.catalogue.files import is_folder
from paramcalc.catalogue.strict_json import parse_json
from paramcalc.core.model import Model
from paramcalc.errors import ParamcalcError, shorten
from paramcalc.sources.configuration import Reading, model_from_configuration
from paramcalc.sources.folder import CONFIGURATION, Folder, LocalFolder, text_in

GGUF = ".gguf"
PICKLES = (".bin", ".pt", ".pth", ".ckpt")
PICKLE_INDEX = ".bin.index.json"
ENDINGS = (".safetensors", ".safetensors.index.json", GGUF, *PICKLES, PICKLE_INDEX)


def model_from_path(path: Path, reading: Reading) -> Model | None:
    """The model in a file or a folder; None for a folder that holds no weights."""
    name = shorten(str(path), 200)
    if is_folder(path):
        return model_in(LocalFolder(path), name, reading)
    return model_from_file(LocalFolder(path.parent, path.name), path.name, name, reading)


def model_from_file(folder: Folder, file: str, name: str, reading: Reading) -> Model:
    """The model in one file, or in all the files that an index names."""
    if file.endswith(PICKLE_INDEX):
        raise _only_names(name)
    if file.endswith(PICKLES):
        raise _pickle(name)
    if file.endswith(GGUF):
        from paramcalc.sources.gguf_model import model_from_gguf

        return model_from_gguf(folder, file, name, reading)
    from paramcalc.sources import shards
    from paramcalc.sources.stored import model_from_checkpoint

    index = file.endswith(shards.INDEX_ENDING)
    found = (shards.from_index if index else shards.from_file)(folder, file)
    return model_from_checkpoint(found, name, reading)


def model_at(folder: Folder, file: str | None, name: str, reading: Reading) -> Model:
    """The model in a file of a folder, or in the folder: its weights, or its configuration."""
    if file is not None and file.endswith(ENDINGS):
        return model_from_file(folder, file, name, reading)
    if file is None:
        model = model_in(folder, name, reading)
        if model is not None:
            return model
        if not folder.holds(CONFIGURATION):
            raise ParamcalcError(f"`{folder.label}` has neither a checkpoint nor a {CONFIGURATION}")
    text = text_in(folder, file or CONFIGURATION)
    configuration = parse_json(text, shorten(folder.called(file or CONFIGURATION), 200))
    return model_from_configuration(configuration, name, reading)


def model_in(folder: Folder, name: str, reading: Reading) -> Model | None:
    """The model in a folder; None if it holds no weights."""
    names = folder.names()
    if any(file.endswith(".safetensors") for file in names):
        from paramcalc.sources import shards
        from paramcalc.sources.stored import model_from_checkpoint

        found = shards.from_folder(folder)
        return found and model_from_checkpoint(found, name, reading)
    files = [file for file in names if file.endswith(GGUF)]
    if files:
        from paramcalc.sources.gguf_model import model_from_gguf
        from paramcalc.sources.gguf_parts import first_of

        return model_from_gguf(folder, first_of(folder, files), name, reading)
    pickles = [file for file in names if file.endswith(PICKLES)]
    if pickles and CONFIGURATION not in names:
        raise _pickle(shorten(folder.called(pickles[0]), 200))
    return None


def _pickle(name: str) -> ParamcalcError:
    return ParamcalcError(
        f"`{name}` is a pickle, which can run code when it is opened: it is not read",
        f"give the model's {CONFIGURATION}, or convert the file to safetensors",
    )


def _only_names(name: str) -> ParamcalcError:
    return ParamcalcError(
        f"`{name}` holds names of tensors, but no shapes; they are in pickles, which are not read",
        f"give the model's {CONFIGURATION}, or convert the files to safetensors",
    )
