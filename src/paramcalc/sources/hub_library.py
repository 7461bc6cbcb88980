"""What is taken from ``huggingface_hub``: the only module that knows the package.

It is an optional extra and takes a quarter of a second to load: it is loaded when a hub is asked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from paramcalc._version import __version__
from paramcalc.errors import ParamcalcError
from paramcalc.sources.hub_errors import near_in_catalogue
from paramcalc.sources.hub_id import HubId


def constants(hub_id: HubId) -> Any:
    """Its settings, as the environment gives them; or the error that tells how to install it."""
    try:
        from huggingface_hub import constants as found
    except ImportError:
        near = near_in_catalogue(hub_id.repository)
        raise ParamcalcError(
            f"`{hub_id}` is not in the catalogue; asking a hub for it takes huggingface_hub",
            "; ".join(filter(None, ["install it: pip install 'paramcalc[hub]'", near])),
        ) from None
    return found


def token() -> str | None:
    """The token of the environment, or of whoever has logged in."""
    from huggingface_hub import constants, get_token

    if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN:
        return None
    found: str | None = get_token()
    if found and not (found.isascii() and found.isprintable() and " " not in found):
        raise ParamcalcError("the token in use is none: it has blanks or letters that no token has")
    return found or None


def session() -> Any:
    """Its connection: of ``requests``, ``httpx`` or ``httpx2``, by its version."""
    from huggingface_hub.utils import get_session

    return get_session()


def downloaded(repository: str, path: str, commit: str) -> Path | None:
    """A file of this very commit in its cache."""
    from huggingface_hub import try_to_load_from_cache

    try:
        found = try_to_load_from_cache(repository, path, revision=commit)
    except ValueError:  # a name that it does not allow
        return None
    return Path(found) if isinstance(found, str) else None


def user_agent() -> str:
    """Who asks."""
    import huggingface_hub

    return f"paramcalc/{__version__}; hf_hub/{huggingface_hub.__version__}"
