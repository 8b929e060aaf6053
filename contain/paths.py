"""What runs need of os.path, and the environment, without os: that takes 1 ms to import, most of it for two dozen abstract base classes.

System calls are posix's; it is what os has them from.
"""

from __future__ import annotations

import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPE, _FOLDER, _FILE = 0o170000, 0o040000, 0o100000


def environ() -> Mapping[str, str]:
    """os.environ as it stands now; where nobody has imported os, nobody has changed what the process was started with."""
    os = sys.modules.get("os")
    if os is not None:
        found: Mapping[str, str] = os.environ
        return found
    encoding, errors = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()
    return {name.decode(encoding, errors): value.decode(encoding, errors) for name, value in posix.environ.items()}


def exists(path: str) -> bool:
    """Whether something is there, links followed."""
    return _mode(path) != 0


def isdir(path: str) -> bool:
    """Whether it is a folder, links followed."""
    return _mode(path) & _TYPE == _FOLDER


def isfile(path: str) -> bool:
    """Whether it is a regular file, links followed."""
    return _mode(path) & _TYPE == _FILE


def lexists(path: str) -> bool:
    """Whether something is there, be it a link to nowhere."""
    try:
        posix.lstat(path)
    except (OSError, ValueError):
        return False
    return True


def join(path: str, *more: str) -> str:
    """The paths one below the other; from an absolute one on."""
    for part in more:
        if part.startswith("/"):
            path = part
        else:
            path += part if not path or path.endswith("/") else f"/{part}"
    return path


def normpath(path: str) -> str:
    """The shortest text for a path, as if there were no links."""
    slashes = 0 if not path.startswith("/") else 2 if path.startswith("//") and not path.startswith("///") else 1
    parts: list[str] = []
    for part in path.split("/"):
        if part in {"", "."}:
            continue
        if part != ".." or (not slashes and not parts) or (parts and parts[-1] == ".."):
            parts.append(part)
        elif parts:
            parts.pop()
    return "/" * slashes + "/".join(parts) or "."


def abspath(path: str) -> str:
    """The same from the root on."""
    return normpath(path if path.startswith("/") else join(posix.getcwd(), path))


def followed(path: str) -> str:
    """What a path's last part stands for, when it is a link."""
    for _ in range(40):  # MAXSYMLINKS
        try:
            target = posix.readlink(path)
        except OSError:
            break
        path = join(dirname(path), target)
    return path


def basename(path: str) -> str:
    """What stands behind the last slash."""
    return path[path.rfind("/") + 1 :]


def dirname(path: str) -> str:
    """What stands before the last slash."""
    head = path[: path.rfind("/") + 1]
    return head.rstrip("/") or head


def _mode(path: str) -> int:
    try:
        return posix.stat(path).st_mode
    except (OSError, ValueError):
        return 0
