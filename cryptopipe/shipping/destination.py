"""Where copies go: the few things that are done with an object store, by obstore.

Enters: keys, files. Leaves: what is there, and new objects, whole. Never: an object overwritten or deleted, other bytes
than those of the hash that was asked for, a secret in a message.

An object of at most 128 MiB is one request that the store refuses if the name is taken (If-None-Match), so nobody's
object is lost to a race and nothing half-written is left. A larger one goes in parts, after a look whether it is there.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptopipe.errors import ConfigError, CryptopipeError

SINGLE = 128 << 20
"""Bytes up to which an object is one request."""
PART = 16 << 20
_HASH = "sha256"
"""The metadata of an object that keeps its content's hash, in hex."""
_SLOWEST = 256 << 10
"""Bytes a second: a large body may take as long as that."""
_S3_ERROR = re.compile(r"<Code>([^<]+)</Code>(?:.*?<Message>([^<]*)</Message>)?", re.DOTALL)
_MISCONFIGURED = ("NoSuchBucket", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken")
_DENIED = ("PermissionDeniedError", "UnauthenticatedError", "PermissionError")


class UploadError(CryptopipeError):
    """A store does not take what is copied to it, or another content has the name already."""

    code = "upload"


class StoreUnavailable(UploadError):
    """The store cannot be reached, does not answer, or fails; what was copied stays, the next time goes on."""

    exit_code = 69
    code = "store_unavailable"


class NameTaken(UploadError):
    """Somebody wrote an object of this name since it was looked for."""

    code = "name_taken"


@dataclass(frozen=True)
class Stored:
    """An object that is there: bytes, and a mark that is another one for another content."""

    size: int
    e_tag: str


Make = Callable[[float], Any]
"""An obstore store whose requests may take so many seconds."""


class Destination:
    """Objects below a URL. Every method raises `UploadError`, `StoreUnavailable` or `ConfigError`; safe in threads."""

    def __init__(
        self,
        url: str,
        make: Make,
        *,
        timeout_s: float = 30,
        keeps_metadata: bool = True,
        conditional: bool = True,
        secrets: tuple[str, ...] = (),
        single: int = SINGLE,
    ) -> None:
        self.url = url
        self._make, self._timeout_s = make, timeout_s
        self._store = make(timeout_s)
        self._keeps_metadata, self._conditional = keeps_metadata, conditional
        self._secrets = tuple(one for one in secrets if one)
        self._single = single

    def listing(self) -> dict[str, Stored]:
        """Every object, by key."""
        import obstore

        found: dict[str, Stored] = {}
        try:
            for chunk in obstore.list(self._store):
                found.update((one["path"], Stored(one["size"], one["e_tag"] or "")) for one in chunk)
        except (obstore.exceptions.BaseError, OSError) as error:
            raise self._told(error, self.url) from None
        return found

    def look(self, key: str) -> Stored | None:
        """One object; None where there is none."""
        import obstore

        try:
            meta = obstore.head(self._store, key)
        except FileNotFoundError:
            return None
        except (obstore.exceptions.BaseError, OSError) as error:
            raise self._told(error, key) from None
        return Stored(meta["size"], meta["e_tag"] or "")

    def sha256(self, key: str) -> str:
        """Of an object's content: as its metadata say, else of all its bytes, which are read for it."""
        import obstore

        try:
            if self._keeps_metadata:
                kept = obstore.get(self._store, key, options={"head": True}).attributes.get(_HASH)
                if kept:
                    return kept
            digest = hashlib.sha256()
            for chunk in obstore.get(self._store, key).stream(min_chunk_size=PART):
                digest.update(chunk)
        except (obstore.exceptions.BaseError, OSError) as error:
            raise self._told(error, key) from None
        return digest.hexdigest()

    def put(self, key: str, path: Path, sha256: str) -> Stored:
        """Copy a file whose content has this hash. Raises `NameTaken`, and `UploadError` where it has another one."""
        import obstore

        size = path.stat().st_size
        store = self._store if size < _SLOWEST else self._make(self._timeout_s + size / _SLOWEST)
        how: dict[str, Any] = {"attributes": {_HASH: sha256}} if self._keeps_metadata else {}
        whole = size <= self._single
        if whole:
            how |= {"use_multipart": False}
            content = path.read_bytes()
            _judge(hashlib.sha256(content).hexdigest(), sha256, path)
        else:
            how |= {"chunk_size": PART, "max_concurrency": 2}
        if whole and self._conditional:
            how |= {"mode": "create"}
        elif self.look(key) is not None:
            raise NameTaken("an object of this name is there", where=key)
        try:
            result = obstore.put(store, key, content if whole else _parts(path, sha256), **how)
        except obstore.exceptions.AlreadyExistsError:
            raise NameTaken("an object of this name is there", where=key) from None
        except (obstore.exceptions.BaseError, OSError) as error:
            raise self._told(error, key) from None
        return Stored(size, result["e_tag"] or "")

    def _told(self, error: Exception, where: str) -> CryptopipeError:
        """What a person needs of an error of obstore: the store's own code, or its first line, without a secret."""
        if isinstance(error, OSError) and error.filename:
            return UploadError(str(error.strerror), where=str(error.filename), fix="see that it can be read")
        text = str(error).split("\n\nDebug source")[0]
        found = _S3_ERROR.search(text)
        if found:
            text = f"{found[1]}: {found[2]}" if found[2] else found[1]
        for secret in self._secrets:
            text = text.replace(secret, "***")
        text = " ".join(text.split())[:300]
        if "incorrectly configured region" in text or (found and found[1] in _MISCONFIGURED):
            fix = "look at the settings upload.endpoint, upload.region and the key"
            return ConfigError(text, where=self.url, fix=fix)
        if type(error).__name__ in _DENIED:
            return ConfigError(text, where=self.url, fix="it needs the right to list, read and write")
        if type(error).__name__ == "InvalidPathError":
            return UploadError(text, where=where, fix="rename the file")
        return StoreUnavailable(text, where=where, fix="see that the store runs, then start again: it goes on")


def _judge(found: str, expected: str, path: Path) -> None:
    if found != expected:
        raise UploadError(
            f"its content has the SHA-256 {found[:12]}…, and {expected[:12]}… was to be copied",
            where=str(path),
            fix="restore it from a copy, or collect again",
        )


def _parts(path: Path, sha256: str) -> Iterator[bytes]:
    """The bytes of a file; one whose content is another ends with an error before its last part, and is not kept."""
    digest = hashlib.sha256()
    with path.open("rb") as opened:
        part = opened.read(PART)
        while part:
            digest.update(part)
            following = opened.read(PART)
            if not following:
                _judge(digest.hexdigest(), sha256, path)
            yield part
            part = following
