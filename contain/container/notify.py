"""sd_notify(3) for containers: a socket inside, whose READY=1 is passed on to the caller's NOTIFY_SOCKET by `start` and `run`.

`create` only shows the folder of the socket inside: whoever starts the container waits for the message, as with runc.
"""

from __future__ import annotations

import posix

from contain import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping
    from typing import Any

    from contain.spec.model import Spec

VARIABLE = "NOTIFY_SOCKET"
INSIDE = "/run/notify"
NAME = "notify.sock"
PREFIX = "contain-notify."


def adopt(spec: Spec, environ: Mapping[str, str]) -> str:
    """Shows a folder of ours at /run/notify and names the socket in it to the program; its path, "" when nobody listens or the bundle has its own."""
    process, mounts = spec.config["process"], spec.config["mounts"]
    if not environ.get(VARIABLE) or any(row.get("destination", "").rstrip("/") == INSIDE for row in mounts):
        return ""
    import tempfile

    folder = tempfile.mkdtemp(prefix=PREFIX)
    posix.chmod(folder, 0o755)  # others only connect to what is in it
    spec.run.temporary.append(folder)
    mounts.append({"destination": INSIDE, "type": "bind", "source": folder, "options": ["bind", "nosuid", "noexec", "nodev", "ro"]})
    process["env"] = [*(row for row in process.get("env") or [] if not row.startswith(f"{VARIABLE}=")), f"{VARIABLE}={INSIDE}/{NAME}"]
    return folder


def folder_of(config: Mapping[str, Any]) -> str:
    """The folder that adopt() made for a container, from its copy of the configuration; "" when it made none."""
    sources = [row.get("source", "") for row in config.get("mounts") or [] if row.get("destination") == INSIDE]
    return next((source for source in sources if paths.basename(source).startswith(PREFIX)), "")


def listen(folder: str) -> socket.socket:
    """The socket, before the program can look for it. What an earlier start left is replaced."""
    import socket

    path = f"{folder}/{NAME}"
    if paths.lexists(path):
        posix.unlink(path)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.bind(path)
    posix.chmod(path, 0o777)  # the program may be any user
    return server


def pass_on(server: socket.socket, target: str, watched: int, main: int = 0) -> bool:
    """Waits for READY and passes it on to `target`, then MAINPID; False when the process behind the pidfd `watched` ends before."""
    import select

    poller = select.poll()
    poller.register(server, select.POLLIN)
    poller.register(watched, select.POLLIN)
    while True:
        ready = {fd for fd, _ in poller.poll()}
        if server.fileno() in ready:
            lines = server.recv(4096).split(b"\n")
            told = next((line for line in lines if line.startswith(b"READY=")), b"")
            if told:
                _tell(target, [told, *([b"MAINPID=%d" % main] if main else [])])
                return True
        elif watched in ready:
            return False


def _tell(target: str, lines: list[bytes]) -> None:
    """One datagram a line; nobody there is no error of the container's."""
    import socket

    address = b"\0" + target[1:].encode() if target.startswith("@") else target.encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        try:
            client.connect(address)
            for line in lines:
                client.send(line + b"\n")
        except OSError:
            return


def leave_proxy(folder: str, target: str) -> None:
    """A process of its own that passes READY on while ours, which is to become the launcher, lives; it is nobody's child."""
    import os

    server = listen(folder)
    watched = posix.pidfd_open(posix.getpid())
    child = posix.fork()
    if child:
        server.close()
        posix.close(watched)
        posix.waitpid(child, 0)
        return
    try:
        if posix.fork() == 0:
            posix.setsid()
            nowhere = posix.open("/dev/null", posix.O_RDWR)
            for stream in range(3):
                posix.dup2(nowhere, stream)
            pass_on(server, target, watched)
    finally:
        os._exit(0)


def launch_and_wait(folder: str, target: str, root: str, name: str) -> None:
    """For `run --detach`: comes back in a child, which is to become the launcher; this process waits for READY and goes."""
    import os

    server = listen(folder)
    child = posix.fork()
    if child == 0:
        server.close()
        return
    code = posix.waitstatus_to_exitcode(posix.waitpid(child, 0)[1])
    try:
        if code == 0:
            wait_for(server, target, root, name)
    finally:
        os._exit(code if code >= 0 else 1)


def wait_for(server: socket.socket, target: str, root: str, name: str) -> None:
    """Passes READY of a container that runs on to `target`, and the pid of its main process."""
    from contain.state.store import Store

    with Store(root) as store, store.open(name) as folder:
        process = folder.summary().process("init")
    if process is None:
        return
    try:
        watched = posix.pidfd_open(process[0])
    except ProcessLookupError:
        return
    try:
        pass_on(server, target, watched, process[0])
    finally:
        posix.close(watched)
