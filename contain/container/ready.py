"""What Container.wait_for waits for: functions of the container that say whether it is so now, or give steps whose value says it."""

from __future__ import annotations

import os

from contain.container.job import is_text
from contain.errors import ContainError, StateError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from contain.container.container import Container
    from contain.container.job import Command
    from contain.container.result import Result
    from contain.container.steps import Asking

    Ready = Callable[[Container], Any]

#: in seconds, how long the record of a container may take whose first process is gone, and of one that is being killed
GRACE, SOON = 2.0, 0.3


class Dead(ContainError):  # noqa: N818  what it is, not an error of ours
    """The container ended while something was waited for; `log_tail` has its last words."""

    def __init__(self, result: Result[Any], log_tail: bytes) -> None:
        """Names how it ended."""
        last = log_tail.decode(errors="replace").strip().splitlines()
        super().__init__(f"the container ended: {result.reason.value} {result.returncode}", cause=last[-1] if last else "")
        self.result = result
        self.log_tail = log_tail

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by what it was made of."""
        return type(self), (self.result, self.log_tail)


def holds(found: Any) -> bool:
    """What a condition's answer says: a Result by its `ok`."""
    return bool(getattr(found, "ok", found))


def conditions(given: Sequence[Any]) -> list[Any]:
    """What wait_for was given; UsageError for what is no condition."""
    for one in given:
        if not callable(one):
            raise UsageError(
                f"{one!r} is no condition", remedy="give port(8080), log('ready'), file('/path'), command([…]), url(8080) or a function"
            )
    return list(given)


def last_said(container: Container, lines: int) -> bytes:
    """Its last words: of stderr, or where that says nothing of stdout."""
    said = (container.logs(stream=name, tail=lines) for name in ("stderr", "stdout") if container.has_log(name))
    return next(filter(None, said), b"")


def not_ready(container: Container, name: str, timeout: float) -> TimeoutError:
    """What wait_for raises for one that lives, with its last words."""
    said = last_said(container, 1).decode(errors="replace").strip()
    return TimeoutError(f"{name} is not ready after {timeout:g} s" + (f"; it said last: {said}" if said else ""))


def _has_root(pid: int) -> bool:
    """Whether a process has not died, nor left a zombie."""
    try:
        os.readlink(f"/proc/{pid}/root")
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def ends(container: Container, problem: ContainError) -> Asking:
    """Steps that tell whether a condition failed because the container was ending then: its record comes a moment later."""
    patience = 0.0 if isinstance(problem, StateError) else SOON if _has_root(container.pid) else GRACE
    try:
        yield from container._end(patience)  # noqa: SLF001  our own kind
    except TimeoutError:
        return isinstance(problem, StateError)  # paused, or not there yet: looked at again
    return True


def check_port(number: Any) -> None:
    """UsageError for what is no port."""
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < 1 << 16:
        raise UsageError(f"{number!r} is no port", remedy="give a number from 1 to 65535")


def port(number: int) -> Ready:
    """Whether somebody in the container's network listens on this TCP port."""
    check_port(number)
    wanted = f":{number:04X}"

    def listens(container: Container) -> bool:
        for table in ("tcp", "tcp6"):
            try:
                with open(f"/proc/{container.view}/net/{table}", encoding="ascii") as file:
                    rows = [line.split() for line in file]
            except OSError:
                continue
            if any(row[1].endswith(wanted) and row[3] == "0A" for row in rows[1:]):  # 0A: TCP_LISTEN
                return True
        return False

    return listens


def log(text: str | bytes, stream: str = "stdout") -> Ready:
    """Whether the stream has said this."""
    if not isinstance(text, (str, bytes)):
        raise UsageError(f"{text!r} is nothing that a log can say", remedy="give a text, or bytes")
    wanted = text.encode() if isinstance(text, str) else text
    looked: dict[str, int] = {}  # container → from where its log is still to be looked at

    def said(container: Container) -> bool:
        found, looked[container.id] = container.said(wanted, stream, looked.get(container.id, 0))
        return found

    return said


def file(path: str) -> Ready:
    """Whether this absolute path is there, seen from inside."""
    if not is_text(path) or not path.startswith("/"):
        raise UsageError(f"{path!r} is no absolute path of a container")

    def there(container: Container) -> bool:
        from contain.kernel.files import Root

        try:
            with Root(f"/proc/{container.view}/root") as root:
                os.close(root.open(path))
        except OSError:
            return False
        return True

    return there


def command(cmd: Command) -> Ready:
    """Whether this command, run inside, ends with 0."""
    return lambda container: container.trying(cmd)


def url(number: int, path: str = "/", status: int = 200) -> Ready:
    """Whether an HTTP server on this port of the container answers a GET with this status."""
    check_port(number)
    if not is_text(path) or not path.startswith("/") or not path.isascii() or any(letter <= " " for letter in path):
        raise UsageError(f"{path!r} is no path of a URL", remedy="write /path, all that is not ASCII as %XX")

    def answers(container: Container) -> Any:
        from contain.container.dial import answering

        return answering(container.root, container.id, number, path, status)

    return answers
