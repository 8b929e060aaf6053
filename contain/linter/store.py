"""Files of a folder or of a tar archive, read alike: bounded, and never through a link that leads out."""

from __future__ import annotations

import hashlib
import lzma
import os
import stat
import tarfile
import zlib
from typing import IO

from contain.linter.limits import ENTRIES, FREE, RATIO

_CHUNK = 1 << 20


class ArchiveError(Exception):
    """The archive cannot be read; the message says why."""


class Store:
    """Names and content of files. `kind` is `file`, `folder`, `link`, `other`, or empty when there is nothing."""

    path = ""

    def names(self) -> list[str]:
        """All names, without a leading `./`, in order."""
        raise NotImplementedError

    def kind(self, name: str) -> str:
        """What is there."""
        raise NotImplementedError

    def open(self, name: str) -> IO[bytes] | None:
        """The content of a file."""
        raise NotImplementedError

    def size(self, name: str) -> int:
        """Bytes of a file."""
        raise NotImplementedError

    def read(self, name: str, limit: int) -> bytes | None:
        """A whole file, cut off behind `limit` bytes."""
        stream = self.open(name)
        if stream is None:
            return None
        with stream:
            return stream.read(limit + 1)

    def digest(self, name: str, algorithm: str) -> str:
        """The hexadecimal digest of a file."""
        total = hashlib.new(algorithm)
        stream = self.open(name)
        if stream is not None:
            with stream:
                while chunk := stream.read(_CHUNK):
                    total.update(chunk)
        return total.hexdigest()

    def shown(self, name: str) -> str:
        """The name as people are told."""
        return f"{self.path}!{name}"


class Folder(Store):
    """A folder; links in it are not followed."""

    def __init__(self, path: str) -> None:
        """The folder must exist."""
        self.path = path

    def names(self) -> list[str]:
        """All files and folders below."""
        found = []
        for folder, folders, files in os.walk(self.path):
            folders.sort()
            found += [os.path.relpath(os.path.join(folder, name), self.path) for name in sorted(files + folders)]
        return found

    def _mode(self, name: str) -> int:
        try:
            return os.lstat(os.path.join(self.path, name)).st_mode
        except OSError:
            return 0

    def kind(self, name: str) -> str:
        """What is there, links unfollowed at any step."""
        parts = name.split("/")
        for number in range(1, len(parts)):
            if not stat.S_ISDIR(self._mode("/".join(parts[:number]))):
                return "link" if stat.S_ISLNK(self._mode("/".join(parts[:number]))) else ""
        mode = self._mode(name)
        if not mode:
            return ""
        return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "link" if stat.S_ISLNK(mode) else "other"

    def open(self, name: str) -> IO[bytes] | None:
        """The content of a regular file."""
        return open(os.path.join(self.path, name), "rb") if self.kind(name) == "file" else None

    def size(self, name: str) -> int:
        """Bytes of a file."""
        return os.lstat(os.path.join(self.path, name)).st_size

    def shown(self, name: str) -> str:
        """A path that can be opened."""
        return os.path.join(self.path, name)


class Tar(Store):
    """A tar archive, also compressed by gzip, bzip2 or xz."""

    def __init__(self, path: str, entries: int = ENTRIES, ratio: int = RATIO) -> None:
        """Reads the list of entries, so many at most, which may unpack to so many times the size of the archive."""
        self.path = path
        #: names in the order of the archive, with repetitions
        self.order: list[str] = []
        self._members: dict[str, tarfile.TarInfo] = {}
        #: folders that are there since something is in them, once somebody asked
        self._above: frozenset[str] | None = None
        self.compression = compression(path)
        total, size = 0, os.stat(path).st_size
        try:
            self._tar = tarfile.open(path, f"r:{self.compression}")  # type: ignore[call-overload]  # noqa: SIM115  kept open as long as the store
            for number, member in enumerate(self._tar):
                if number >= entries:
                    raise ArchiveError(f"the archive has more than {entries} entries")
                total += member.size
                if total > max(FREE, ratio * size):
                    raise ArchiveError(f"the archive unpacks to more than {ratio} times its size")
                name = clean(member.name)
                self.order.append(name)
                self._members[name] = member
        except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            raise ArchiveError(f"this is no tar archive, or a broken one: {error}") from None

    def names(self) -> list[str]:
        """Each name once."""
        return list(self._members)

    def member(self, name: str) -> tarfile.TarInfo | None:
        """The last entry of a name."""
        return self._members.get(name)

    def kind(self, name: str) -> str:
        """What the entry is; folders may be there without an entry."""
        member = self._members.get(name)
        if member is None:
            return "folder" if name in self._folders() else ""
        return "file" if member.isreg() else "folder" if member.isdir() else "link" if member.issym() or member.islnk() else "other"

    def _folders(self) -> frozenset[str]:
        if self._above is None:
            found: set[str] = set()
            for name in self._members:
                while "/" in name:
                    name = name.rpartition("/")[0]  # upwards until it is known
                    if name in found:
                        break
                    found.add(name)
            self._above = frozenset(found)
        return self._above

    def open(self, name: str) -> IO[bytes] | None:
        """The content of a regular file."""
        member = self._members.get(name)
        return self._tar.extractfile(member) if member is not None and member.isreg() else None

    def size(self, name: str) -> int:
        """Bytes of a file."""
        member = self._members.get(name)
        return member.size if member is not None else 0


def clean(name: str) -> str:
    """The name of an entry without what means nothing."""
    return "/".join(part for part in name.split("/") if part not in ("", ".")) or "."


def compression(path: str) -> str:
    """What the first bytes say: gz, bz2, xz or nothing."""
    with open(path, "rb") as file:
        head = file.read(6)
    return "gz" if head[:2] == b"\x1f\x8b" else "bz2" if head[:3] == b"BZh" else "xz" if head == b"\xfd7zXZ\x00" else ""
