"""What a model hub refuses, and what breaks on the way to it, in words that say what to do.

The text of an exception is never shown: it may hold the token. Statuses and the ``X-Error-Code`` of
the hub are those of huggingface_hub, utils/_http.py, hf_raise_for_status.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from socket import gaierror
from typing import NamedTuple

from paramcalc.catalogue.models import MODELS
from paramcalc.errors import ParamcalcError, shorten

OFFLINE_HINT = "what was downloaded before is read with HF_HUB_OFFLINE=1, or by its path"
TOKEN_HINT = "set HF_TOKEN to a token that may read it"  # noqa: S105 - no secret
_MAY_PASS = {408, 429, 500, 502, 503, 504}


class Subject(NamedTuple):
    """What is asked for: a repository, or a file in it."""

    host: str
    address: str
    """The page of the repository."""
    repository: str
    revision: str
    file: str | None = None
    has_token: bool = False

    def __str__(self) -> str:
        return shorten(self.repository if self.file is None else self.file, 100)


class BrokenError(Exception):
    """A request that failed, and whether another one may succeed."""

    def __init__(
        self, error: ParamcalcError, *, may_pass: bool = True, retry_after: float | None = None
    ) -> None:
        super().__init__()
        self.error = error
        self.may_pass = may_pass
        self.retry_after = retry_after


def refused(status: int, headers: Mapping[str, str], subject: Subject) -> Exception:
    """The error for a status that is none of success."""
    code = headers.get("x-error-code", "")
    if status in _MAY_PASS:
        return _passing(status, headers, subject)
    if code == "GatedRepo":
        return _gated(subject)
    if code == "RevisionNotFound":
        revision = shorten(subject.revision)
        return ParamcalcError(f"`{subject.repository}` has no revision `{revision}`")
    if code == "EntryNotFound" or (status == 404 and subject.file):
        return ParamcalcError(f"`{subject.repository}` has no file `{subject}`")
    if code == "RepoNotFound" or status == 404:
        return _not_found(subject)
    if status in (401, 403):
        return _forbidden(status, subject)
    return ParamcalcError(f"{subject.host} answers with status {status} for `{subject}`")


def _passing(status: int, headers: Mapping[str, str], subject: Subject) -> BrokenError:
    """A server that cannot answer now."""
    wait = _seconds(headers.get("retry-after"))
    if status != 429:
        error = ParamcalcError(
            f"{subject.host} cannot answer for `{subject}` (status {status})", "try again later"
        )
        return BrokenError(error, retry_after=wait)
    told = "" if wait is None else f", and asks to wait {wait:,.0f} seconds"
    more = "" if subject.has_token else "; with HF_TOKEN set more requests are allowed"
    error = ParamcalcError(
        f"{subject.host} has had too many requests{told}", f"try again then{more}"
    )
    return BrokenError(error, retry_after=wait)


def _seconds(value: str | None) -> float | None:
    """``Retry-After``: a number of seconds, or a date."""
    if value is None or len(value) > 60:
        return None
    if value.strip().isdecimal():
        return min(float(value), 1e9)
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _gated(subject: Subject) -> ParamcalcError:
    how = (
        "the account of the token in use has not"
        if subject.has_token
        else "then set HF_TOKEN to a token of that account"
    )
    text = f"accept the terms at {subject.address}"
    return ParamcalcError(
        f"`{subject.repository}` is gated: its files are for those who accepted its terms",
        f"{text}; {how}",
    )


def _not_found(subject: Subject) -> ParamcalcError:
    private = "" if subject.has_token else f"if it is a private one, {TOKEN_HINT}"
    return ParamcalcError(
        f"no model named `{subject.repository}` on {subject.host}",
        "; ".join(filter(None, [near_in_catalogue(subject.repository), private])) or None,
    )


def near_in_catalogue(repository: str) -> str:
    """The catalogue's names that look most like this one, if any do."""
    near = MODELS.similar(repository) or MODELS.similar(repository.partition("/")[2])
    return f"near it in the catalogue: {', '.join(f'`{name}`' for name in near)}" if near else ""


def _forbidden(status: int, subject: Subject) -> ParamcalcError:
    if not subject.has_token:
        # The hub does not tell a private repository from one that is not there.
        return _not_found(subject) if status == 401 else _no_access(subject)
    if status == 401:
        return ParamcalcError(
            f"{subject.host} does not accept the token",
            "it may have expired: set HF_TOKEN to another one, or unset it",
        )
    return _no_access(subject)


def _no_access(subject: Subject) -> ParamcalcError:
    return ParamcalcError(f"{subject.host} does not let you read `{subject}`", TOKEN_HINT)


# --- on the way ----------------------------------------------------------------------------------


def broken(error: BaseException, host: str) -> BrokenError:
    """A failed connection, by what lies at the root of it."""
    chain = list(_chain(error))
    names = " ".join(type(one).__name__ for one in chain)
    message, may_pass = f"the connection to {host} breaks off", True
    hint: str | None = OFFLINE_HINT
    if "Proxy" in names:
        message, may_pass = f"the proxy on the way to {host} does not answer", False
        hint = "the environment names it: HTTPS_PROXY, HTTP_PROXY, NO_PROXY"
    elif any(isinstance(one, ssl.SSLError) for one in chain):
        message, may_pass = f"{host} has no certificate that is trusted here", False
        hint = "SSL_CERT_FILE names a file with those of your own"
    elif any(isinstance(one, gaierror) for one in chain) or "NameResolution" in names:
        message, may_pass = f"no address for {host}: there may be no network", False
    elif any(isinstance(one, ConnectionRefusedError) for one in chain):
        message, may_pass = f"{host} does not take connections", False
    elif "InvalidURL" in names or type(chain[-1]) is ValueError:
        # requests looks at where a redirect leads although it is not to follow it.
        message, hint, may_pass = f"{host} redirects to no address that can be used", None, False
    elif "ConnectTimeout" in names:
        message, may_pass = f"{host} cannot be reached", False
    elif "Timeout" in names:
        message = f"{host} does not answer in time"
        hint = "HF_HUB_DOWNLOAD_TIMEOUT says how many seconds to wait"
    return BrokenError(ParamcalcError(message, hint), may_pass=may_pass)


def is_of_the_way(error: Exception) -> bool:
    """It comes from the connection or a library below it, and is no mistake in this code."""
    return isinstance(error, (OSError, ValueError)) or type(error).__module__ != "builtins"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those that led to it, from the outside to the root."""
    found: BaseException | None = error
    for _ in range(20):
        if found is None:
            return
        yield found
        found = found.__cause__ or found.__context__
