"""Unpacks an .aci archive into a fresh folder that the run removes: bounded, and nothing in it can lead out of the folder."""

from __future__ import annotations

import os
import stat
import tarfile

from contain.errors import ManifestError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

#: more than any image that was met; a bomb ends here
ENTRIES = 1_000_000
BYTES = 16 << 30
MANIFEST = 4 << 20
_HEADER = 1 << 20  # of a PAX or GNU header, which tarfile reads into memory as a whole
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_HEADERS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


class _Member(tarfile.TarInfo):
    """A member whose extended headers are bounded."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _HEADERS and self.size > _HEADER:
            raise tarfile.ReadError(f"an extended header of {self.size} bytes")
        return super()._proc_member(archive)  # type: ignore[misc, no-any-return]


class Unpacked:
    """What came out of an archive."""

    __slots__ = ("folder", "manifest", "notes", "owners")

    def __init__(self, folder: str) -> None:
        """`folder` holds `rootfs`."""
        self.folder = folder
        self.manifest = b""
        self.notes: list[str] = []  # what was left out
        self.owners: dict[str, tuple[int, int]] = {}  # path below the root → uid, gid as the archive has them


def unpack(file: str, shown: str, parent: str) -> Unpacked:
    """Unpacks `file` into a new folder below `parent`; the folder is removed again when that fails."""
    folder = os.path.join(parent, f"contain-{os.getpid()}-{os.urandom(8).hex()}")
    os.mkdir(folder, 0o700)
    unpacked = Unpacked(folder)
    try:
        with _open(file, shown) as stream, tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member, errorlevel=2) as archive:
            _Writer(unpacked, archive, shown).run()
    except (tarfile.TarError, EOFError, OSError, ValueError, MemoryError) as problem:
        remove(folder)
        words = problem.strerror if isinstance(problem, OSError) and problem.strerror else " ".join(str(problem).split())
        raise ManifestError(f"cannot unpack it: {words or type(problem).__name__}", place=shown, remedy="build the archive anew") from None
    except BaseException:
        remove(folder)
        raise
    return unpacked


def _open(file: str, shown: str) -> IO[bytes]:
    """The plain tar stream, whatever of gzip, bzip2 or xz it is packed with."""
    try:
        with open(file, "rb") as raw:
            head = raw.read(32)
    except OSError as problem:
        raise ManifestError(f"cannot read it: {problem.strerror}", place=shown, remedy="check its permissions") from None
    if head.startswith(b"\x1f\x8b"):
        import gzip

        return gzip.open(file, "rb")  # type: ignore[return-value]
    if head.startswith(b"BZh"):
        import bz2

        return bz2.open(file, "rb")
    if head.startswith(b"\xfd7zXZ\0"):
        import lzma

        return lzma.open(file, "rb")
    if head.startswith((b"\x8c", b"\xc3", b"-----BEGIN PGP")):
        raise ManifestError("is encrypted with PGP", place=shown, remedy="decrypt it first: gpg --decrypt")
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        raise ManifestError("is packed with zstd, which appc does not know", place=shown, remedy="pack it with gzip, bzip2 or xz")
    return open(file, "rb")


class _Writer:
    """Writes the members of one archive below one folder, parents by descriptor and never through a link."""

    def __init__(self, unpacked: Unpacked, archive: tarfile.TarFile, shown: str) -> None:
        self.unpacked = unpacked
        self.archive = archive
        self.shown = shown
        self.base = os.open(unpacked.folder, _FOLDER)
        self.seen: set[str] = set()
        self.folders: list[tuple[str, tarfile.TarInfo]] = []
        self.left = BYTES
        self.chowns = os.geteuid() == 0

    def run(self) -> None:
        """All members; modes and times of folders last."""
        try:
            for count, member in enumerate(self.archive):
                if count >= ENTRIES:
                    raise ValueError(f"more than {ENTRIES} entries")
                self._member(member)
            missing = [name for name in ("manifest", "rootfs") if name not in self.seen]
            if missing:
                raise ValueError(f"it holds no {missing[0]}")
            for path, member in reversed(self.folders):
                parent, name = self._parent(path)
                try:
                    self._finish(parent, name, member)
                finally:
                    os.close(parent)
        finally:
            os.close(self.base)

    def _member(self, member: tarfile.TarInfo) -> None:
        path = _clean(member.name)
        if path == "":
            return
        if path in self.seen and not member.isdir():
            raise ValueError(f"{path} stands in it twice")
        self.seen.add(path)
        if path == "manifest":
            if not member.isreg() or member.size > MANIFEST:
                raise ValueError("manifest is not a regular file of at most 4 MiB")
            self.unpacked.manifest = self._read(member)
            return
        if path != "rootfs" and not path.startswith("rootfs/"):
            raise ValueError(f"{path} is neither manifest nor in rootfs")
        if path == "rootfs" and not member.isdir():
            raise ValueError("rootfs is not a folder")
        self.unpacked.owners[path.removeprefix("rootfs") or "/"] = (member.uid, member.gid)
        parent, name = self._parent(path)
        try:
            self._write(parent, name, path, member)
        finally:
            os.close(parent)

    def _read(self, member: tarfile.TarInfo) -> bytes:
        source = self.archive.extractfile(member)
        return source.read(MANIFEST) if source else b""

    def _parent(self, path: str) -> tuple[int, str]:
        """A descriptor of the folder that holds `path`, and the last name; a link on the way is an error, a missing folder is made."""
        *folders, name = path.split("/")
        current = os.dup(self.base)
        try:
            for index, folder in enumerate(folders):
                try:
                    following = os.open(folder, _FOLDER, dir_fd=current)
                except FileNotFoundError:
                    os.mkdir(folder, 0o755, dir_fd=current)
                    self.seen.add("/".join(folders[: index + 1]))
                    following = os.open(folder, _FOLDER, dir_fd=current)
                except OSError:
                    raise ValueError(f"{path} leads through {folder}, which is no folder") from None
                os.close(current)
                current = following
        except BaseException:
            os.close(current)
            raise
        return current, name

    def _write(self, parent: int, name: str, path: str, member: tarfile.TarInfo) -> None:
        if member.isdir():
            try:
                os.mkdir(name, 0o700, dir_fd=parent)
            except FileExistsError:
                if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                    raise ValueError(f"{path} stands in it twice") from None
            self.folders.append((path, member))
        elif member.issym():
            os.symlink(member.linkname, name, dir_fd=parent)
            self._finish(parent, name, member)
        elif member.islnk():
            self._link(parent, name, path, member)
        elif member.isreg():
            self._file(parent, name, member)
            self._finish(parent, name, member)
        elif member.isfifo():
            os.mkfifo(name, 0o600, dir_fd=parent)
            self._finish(parent, name, member)
        else:
            self.unpacked.notes.append(f"{path} is a device and was left out: the container has a /dev of its own")

    def _link(self, parent: int, name: str, path: str, member: tarfile.TarInfo) -> None:
        target = _clean(member.linkname)
        if target not in self.seen or not target.startswith("rootfs/"):
            raise ValueError(f"{path} is a link to {target}, which is not in it")
        folder, last = self._parent(target)
        try:
            os.link(last, name, src_dir_fd=folder, dst_dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(folder)

    def _file(self, parent: int, name: str, member: tarfile.TarInfo) -> None:
        self.left -= member.size
        if self.left < 0:
            raise ValueError(f"more than {BYTES} bytes")
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=parent)
        source = self.archive.extractfile(member)
        with open(descriptor, "wb", buffering=0) as file:
            while source and (chunk := source.read(1 << 20)):
                file.write(chunk)

    def _finish(self, parent: int, name: str, member: tarfile.TarInfo) -> None:
        """Owner, mode, time; in this order, because a change of owner drops set-uid."""
        if self.chowns:
            os.chown(name, member.uid, member.gid, dir_fd=parent, follow_symlinks=False)
        if not member.issym():
            # the name was just made by us in a folder of ours that nobody else can enter
            os.chmod(name, member.mode & 0o7777, dir_fd=parent)
        when = max(int(member.mtime), 0)
        os.utime(name, (when, when), dir_fd=parent, follow_symlinks=False)


def _clean(name: str) -> str:
    """A member's name without ./ and doubled slashes; ValueError for what leads out."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise ValueError(f"{name!r} leads out of the archive")
    return "/".join(parts)


def remove(folder: str) -> None:
    """Removes a folder of ours, whatever modes its own folders have; what cannot be removed stays."""
    import shutil

    def retry(_: object, path: str, _error: object) -> None:
        """Folders that we made may be closed to ourselves."""
        try:
            os.chmod(os.path.dirname(path), 0o700)
            if not os.path.islink(path):
                os.chmod(path, 0o700)
        except OSError:
            return

    shutil.rmtree(folder, onerror=retry)
    if os.path.lexists(folder):
        shutil.rmtree(folder, ignore_errors=True)
