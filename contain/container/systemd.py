"""The systemd cgroup driver's half that speaks D-Bus: transient scopes, made and limited by systemd itself.

    python -c "…; main()"     started by the launcher (operations StartScope, LimitScope) with a socket as stdin

Requests come as lines, `start PID JSON` and `limit JSON`; each is answered by one line, `ok` or what went wrong. The program ends with
the socket. It is the only part of a launch that needs Python beside the launcher, and only with this driver.
"""

from __future__ import annotations

import os
import sys
import time

from contain.errors import ContainError, HostError
from contain.kernel import managers

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    #: name, D-Bus signature, value
    Property = tuple[str, str, Any]

NAME, PATH, MANAGER = "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"
#: Seconds that systemd may take for a job.
PATIENCE = 30.0
#: Seconds that a scope of the same name has to vanish.
GONE_PATIENCE = 3.0
EXISTS = "org.freedesktop.systemd1.UnitExists"


class Refused(Exception):  # noqa: N818  systemd's answer, not ours
    """systemd answered with an error; `name` is the D-Bus name of it."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


class Systemd:
    """A connection to a service manager: over its bus, or directly over its private socket where there is no bus."""

    def __init__(self, *, user: bool = False) -> None:
        """`user`: the caller's own manager instead of the machine's."""
        try:
            import jeepney
        except ImportError:
            raise HostError(
                "the systemd cgroup driver needs jeepney", remedy="pip install 'contain[systemd]', or use the driver cgroupfs"
            ) from None
        self._jeepney = jeepney
        self._parser = jeepney.Parser()
        self._serial = 0
        self._jobs: dict[str, str] = {}
        self._socket, on_bus = _connect(user=user)
        self._authenticate()
        if on_bus:
            self._send("Hello", path="/org/freedesktop/DBus", interface="org.freedesktop.DBus", name="org.freedesktop.DBus")
            rule = f"type='signal',interface='{MANAGER}',member='JobRemoved'"
            words = {"path": "/org/freedesktop/DBus", "interface": "org.freedesktop.DBus", "name": "org.freedesktop.DBus"}
            self._send("AddMatch", "s", (rule,), **words)
        self._send("Subscribe")

    def start(self, unit: str, properties: list[Property]) -> None:
        """Starts a transient unit and waits until it is there; a failed one of the same name gives way."""
        body: tuple[Any, ...] = (unit, "replace", [(name, (signature, value)) for name, signature, value in properties], [])
        end = time.monotonic() + GONE_PATIENCE
        while True:
            try:
                (job,) = self._send("StartTransientUnit", "ssa(sv)a(sa(sv))", body)
                break
            except Refused as refused:
                if refused.name != EXISTS or time.monotonic() > end:
                    raise
            self._reset(unit)
            time.sleep(0.05)  # its last process has ended, and systemd has not seen it yet
        self._wait(job, unit)

    def _reset(self, unit: str) -> None:
        try:
            self._send("ResetFailedUnit", "s", (unit,))
        except Refused:
            pass

    def limit(self, unit: str, properties: list[Property]) -> None:
        """Changes properties of a unit, for as long as it lives."""
        self._send("SetUnitProperties", "sba(sv)", (unit, True, [(name, (signature, value)) for name, signature, value in properties]))

    def stop(self, unit: str) -> None:
        """Stops a unit and waits for its end; one that is gone is no error."""
        try:
            (job,) = self._send("StopUnit", "ss", (unit, "replace"))
        except Refused as refused:
            if refused.name == "org.freedesktop.systemd1.NoSuchUnit":
                return
            raise
        self._wait(job, unit)

    def close(self) -> None:
        """Closes the connection."""
        self._socket.close()

    def _authenticate(self) -> None:
        """All at once, as systemd's own clients do: its private socket does not look again for a message that came together with BEGIN."""
        self._socket.sendall(b"\0AUTH EXTERNAL %s\r\nBEGIN\r\n" % str(managers.outside_uid()).encode().hex().encode())
        said = b""
        while not said.endswith(b"\r\n"):
            data = self._socket.recv(1024)
            if not data:
                raise ConnectionResetError(104, "systemd closed the connection")
            said += data
        if not said.startswith(b"OK "):
            raise PermissionError(13, f"systemd refuses us: {said.decode().strip()}")

    def _send(self, member: str, signature: str = "", body: tuple[Any, ...] = (), **words: str) -> tuple[Any, ...]:
        address = self._jeepney.DBusAddress(
            words.get("path", PATH), bus_name=words.get("name", NAME), interface=words.get("interface", MANAGER)
        )
        message = self._jeepney.new_method_call(address, member, signature or None, body)
        self._serial += 1
        serial = self._serial
        self._socket.sendall(message.serialise(serial))
        end = time.monotonic() + PATIENCE
        while True:
            got = self._receive(end)
            if got.header.fields.get(self._jeepney.HeaderFields.reply_serial) != serial:
                continue
            if got.header.message_type is self._jeepney.MessageType.error:
                name = got.header.fields.get(self._jeepney.HeaderFields.error_name, "")
                raise Refused(name, str(got.body[0]) if got.body else name)
            return tuple(got.body)

    def _receive(self, end: float) -> Any:
        while (message := self._parser.get_next_message()) is None:
            self._socket.settimeout(max(0.001, end - time.monotonic()))
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionResetError(104, "systemd closed the connection")
            self._parser.add_data(data)
        if message.header.fields.get(self._jeepney.HeaderFields.member) == "JobRemoved" and len(message.body) == 4:
            self._jobs[message.body[1]] = message.body[3]
        return message

    def _wait(self, job: str, unit: str) -> None:
        end = time.monotonic() + PATIENCE
        while job not in self._jobs:
            self._receive(end)
        if self._jobs[job] != "done":
            raise Refused("", f"the job of {unit} ended as {self._jobs[job]}")


def _connect(*, user: bool) -> tuple[socket.socket, bool]:
    """(a connected socket, whether it leads to a bus)."""
    import socket

    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{managers.outside_uid()}"
    bus = f"{runtime}/bus" if user else "/run/dbus/system_bus_socket"
    private = f"{runtime}/systemd/private" if user else "/run/systemd/private"
    for path, on_bus in ((bus, True), (private, False)):
        found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            found.connect(path)
            found.settimeout(PATIENCE)
            return found, on_bus
        except OSError:
            found.close()
    remedy = "log in with a session of systemd (loginctl enable-linger), or use the driver cgroupfs" if user else "use the driver cgroupfs"
    raise HostError(
        f"cannot reach {'the user’s' if user else 'the machine’s'} systemd", cause=f"neither {bus} nor {private} answers", remedy=remedy
    )


def as_sent(signature: str, value: Any) -> Any:
    """A property's value as D-Bus takes it: bytes, and rows of two."""
    return bytes(value) if signature == "ay" else [tuple(row) for row in value] if signature == "a(ss)" else value


def answer(line: str, held: list[Systemd]) -> str:
    """The answer to one request; `held` keeps the connection between two."""
    import json

    verb, _, rest = line.partition(" ")
    pid, _, text = rest.partition(" ") if verb == "start" else ("", "", rest)
    try:
        request = json.loads(text)
        properties = [(name, signature, as_sent(signature, value)) for name, signature, value in request["properties"]]
        if not held:
            held.append(Systemd(user=request["user"]))
        if verb == "start":
            held[0].start(request["unit"], [*properties, ("PIDs", "au", [int(pid)])])
        elif properties:
            held[0].limit(request["unit"], properties)
    except ContainError as problem:
        return " ".join([problem.message, *([f"({problem.cause})"] if problem.cause else [])])
    except (Refused, OSError) as problem:
        return str(problem).replace("\n", " ")
    return "ok"


def main() -> None:
    """Serves requests from stdin until it ends."""
    import socket

    held: list[Systemd] = []
    with socket.socket(fileno=0) as peer, peer.makefile("r") as lines:
        for line in lines:
            peer.sendall(f"{answer(line.rstrip(chr(10)), held)}\n".encode())


def helper() -> list[str]:
    """The words that start this program with the interpreter and the packages of this one."""
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    paths = [top, *(path for path in sys.path if path.endswith("-packages"))]
    return [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {paths!r}; from contain.container.systemd import main; main()"]
