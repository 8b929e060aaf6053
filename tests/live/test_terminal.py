"""Terminals: the container's own, the relay to ours, and that ours is always put back."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING, Any

import pytest

from contain.launcher import spawn
from tests.live.conftest import TOP, shell
from tests.live.launch import PATIENCE, Running, eventually, guardian_of, plan_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.live


class Terminal:
    """A terminal of ours, as a person would sit at it: `screen` is our side."""

    def __init__(self) -> None:
        """80 columns, 24 rows."""
        self.screen, self.other = os.openpty()
        self.size(24, 80)
        self.before = termios.tcgetattr(self.other)
        self.seen = ""

    def size(self, rows: int, columns: int) -> None:
        """Changes its size; the foreground process gets SIGWINCH from the kernel."""
        fcntl.ioctl(self.screen, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def raw(self) -> bool:
        """Whether somebody put it into raw mode."""
        return not termios.tcgetattr(self.other)[3] & termios.ICANON

    def restored(self) -> bool:
        """Whether its mode is what it was."""
        return termios.tcgetattr(self.other) == self.before

    def options(self) -> dict[str, Any]:
        """For Popen: a session of its own on this terminal."""

        def own() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        return {"stdin": self.other, "stdout": self.other, "stderr": self.other, "preexec_fn": own}

    def expect(self, pattern: str) -> str:
        """Reads until the pattern is seen; what it matched is taken off."""
        while not (found := re.search(pattern, self.seen)):
            assert select.select([self.screen], [], [], PATIENCE)[0], self.seen
            self.seen += os.read(self.screen, 4096).decode()
        self.seen = self.seen[found.end() :]
        return found.group(0)

    def type(self, text: str) -> None:
        """As from the keyboard."""
        os.write(self.screen, text.encode())


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """A terminal of ours."""
    one = Terminal()
    yield one
    os.close(one.screen)
    os.close(one.other)


@pytest.fixture
def start(busybox: str, launcher: str, tmp_path: Any) -> Callable[..., Running]:
    """`start(script, terminal, **run)`: a container with a terminal, ours at its other end."""

    def go(script: str, terminal: Terminal | None, popen: dict[str, Any] | None = None, **run: Any) -> Running:
        options = {"tty": True, "state_root": f"{tmp_path}/state", **run}
        return Running(plan_of(shell(script), busybox, **options), **(popen or (terminal.options() if terminal else {})))

    return go


@pytest.mark.parametrize("init", [False, True])
def test_has_a_terminal_of_its_own(start, terminal, init):
    """Three streams on one terminal of the container's devpts, with our size, as controlling terminal and console; ours is put back."""
    script = "tty; stty size; test -t 0 && test -t 1 && test -t 2 && echo three; echo way > /dev/tty; stat -c %t:%T /dev/console; exit 3"
    with start(script, terminal, init=init) as run:
        terminal.expect("/dev/pts/0\r\n24 80\r\nthree\r\nway\r\n88:0")
        assert run.process.wait(30) == 3
    assert terminal.restored()


def test_resize(start, terminal):
    """The container's terminal follows ours."""
    with start("trap 'stty size' WINCH; echo ready; while :; do sleep 0.01; done", terminal, init=True) as run:
        terminal.expect("ready")
        terminal.size(40, 100)
        terminal.expect("40 100")
        run.signal(signal.SIGTERM)
        run.process.wait(30)
    assert terminal.restored()


@pytest.mark.parametrize("init", [False, True])
def test_control_c_is_the_containers(start, terminal, init):
    """^C is a byte to us, and a signal only to the container's foreground."""
    with start("trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.01; done", terminal, init=init) as run:
        terminal.expect("ready")
        eventually(terminal.raw, "raw mode")
        terminal.type("\x03")
        terminal.expect("caught")
        assert run.process.wait(30) == 5
    assert terminal.restored()


def test_typed_lines_arrive(start, terminal):
    """What is typed is read, and echoed by the container's own terminal."""
    with start('echo ready; read line; echo "<$line>"', terminal) as run:
        terminal.expect("ready")
        terminal.type("hello there\r")
        terminal.expect("<hello there>")
        assert run.process.wait(30) == 0


@pytest.mark.parametrize("victim", ["monitor", "guardian", "timeout"])
def test_mode_is_put_back(start, terminal, victim):
    """However a run ends, the terminal is as it was: a killed monitor's is put back by the guardian."""
    with start("echo ready; sleep 1000", terminal, timeout=0.5 if victim == "timeout" else None) as run:
        if victim != "timeout":
            terminal.expect("ready")
            eventually(terminal.raw, "raw mode")
            os.kill(run.process.pid if victim == "monitor" else guardian_of(run.process.pid), signal.SIGKILL)
        run.process.wait(30)
        eventually(terminal.restored, "the mode is put back")


def test_stopped_and_continued(start, terminal):
    """While we are stopped the terminal is as the shell had it; when we go on it is raw again."""
    with start('echo ready; read line; echo "<$line>"', terminal) as run:
        terminal.expect("ready")
        eventually(terminal.raw, "raw mode")
        run.signal(signal.SIGTSTP)
        os.waitid(os.P_PID, run.process.pid, os.WSTOPPED)
        assert terminal.restored()
        run.signal(signal.SIGCONT)
        eventually(terminal.raw, "raw mode again")
        terminal.type("on\r")
        terminal.expect("<on>")
        assert run.process.wait(30) == 0
    assert terminal.restored()


def test_piped_input_and_much_output(start):
    """With pipes instead of a terminal of ours: the input's end reaches the command, and no output is lost."""
    popen = {"stdin": subprocess.PIPE}
    with start("stty -echo; cat; seq 1 20000", None, popen) as run:
        out, err = run.process.communicate("one\ntwo\n", timeout=60)
    lines = out.replace("\r", "").splitlines()
    assert [line for line in lines if not line.isdigit()] in (["one", "two"], ["one", "two", "one", "two"]), (lines[:5], err)
    assert lines[-20000:] == [str(number) for number in range(1, 20001)]


@pytest.mark.any_kernel
@pytest.mark.parametrize("words", ["", "echo typed; exit 5"])
@pytest.mark.parametrize("wait", [False, True])
def test_input_that_ends_before_the_shell_edits_its_line(start, words, wait):
    """In CI `-it` has no terminal: an interactive shell is told that nobody will type, whenever it comes to ask, and ends."""
    script = "export LANG=C.UTF-8; echo ready; " + ("sleep 0.3; " if wait else "") + "exec sh -i"
    with start(script, None, {"stdin": subprocess.PIPE}) as run:
        out, err = run.process.communicate(words, timeout=60)
    assert (run.process.returncode, "ready" in out) == (0, True), (out, err)


def test_without_input(start, terminal):
    """Without -i our terminal is not read and stays in its own mode."""
    with start("echo ready; sleep 1000", terminal, interactive=False, init=True) as run:
        terminal.expect("ready")
        assert not terminal.raw()
        terminal.type("\x03")  # a signal to us, forwarded
        assert run.process.wait(30) == 130


def test_empty_input(busybox, launcher, tmp_path):
    """Without -i standard input is /dev/null."""
    with Running(plan_of(shell("cat; readlink /proc/self/fd/0"), busybox, interactive=False), stdin=subprocess.PIPE) as run:
        assert run.end()[:2] == (0, "/dev/null\n")


def test_session_of_its_own(busybox, launcher, terminal):
    """Without a terminal of its own the command is in no session of ours, so nothing can be pushed into our terminal (TIOCSTI)."""
    with Running(plan_of(shell("cut -d' ' -f5,6,7 /proc/1/stat; : < /dev/tty"), busybox), **terminal.options()) as run:
        terminal.expect("1 1 0\r\n.*/dev/tty.*No such device")
        run.process.wait(30)


def test_console_socket(start, tmp_path):
    """--console-socket: the terminal's descriptor arrives there, with the size that the manifest asks for, even at a long path."""
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        here = os.open(folder, os.O_PATH)
        server.bind(f"/proc/self/fd/{here}/sock")
        os.close(here)
        server.listen()
        with start('tty; read line; echo "<$line>"', None, console_socket=f"{folder}/sock") as run:
            taken, _ = server.accept()
            with taken:
                data, fds, _, _ = socket.recv_fds(taken, 100, 1)
                assert data == b"/dev/ptmx"
                with open(fds[0], "r+b", buffering=0) as master:
                    assert b"/dev/pts/0" in master.read(100)
                    master.write(b"yes\n")
                    said = b""
                    while b"<yes>" not in said:  # the echo may come alone, and the end of the session takes what nobody has read
                        said += master.read(1000)
                    assert run.end()[0] == 0


def test_no_devpts(rootfs, launcher, tmp_path):
    """A root that has something else at /dev/pts/ptmx is not trusted."""
    os.makedirs(f"{rootfs}/dev/pts", exist_ok=True)
    with open(f"{rootfs}/dev/pts/ptmx", "w") as file:
        file.write("trap")
    config = shell("true")
    config["mounts"] = [row for row in config["mounts"] if row["destination"] == "/proc"]
    with Running(plan_of(config, rootfs, tty=True)) as run:
        code, _, err = run.end()
    assert code == 125
    assert "cannot open a terminal for the container: /dev/pts is no devpts" in err


def test_exec_with_a_terminal(start, terminal, tmp_path):
    """exec -t has a terminal of the container's; a killed exec leaves ours as it was, and the container alone."""
    command = [sys.executable, "-m", "contain", "--root", f"{tmp_path}/state", "exec", "-t", "box", "sh", "-c", "tty; sleep 1000"]
    with start("echo ready; sleep 1000", None, tty=False, name="box", init=True) as run:
        run.expect("ready")
        options = {**terminal.options(), "env": {**os.environ, "PYTHONPATH": TOP}}
        with subprocess.Popen(command, **options) as inside:
            terminal.expect("/dev/pts/0")
            eventually(terminal.raw, "raw mode")
            inside.kill()
        eventually(terminal.restored, "the mode is put back")
        assert run.process.poll() is None
        run.signal(signal.SIGTERM)
        assert run.end()[0] == 143


def test_job_of_a_shell(busybox, launcher, terminal, tmp_path):
    """A run started in the background stops before it touches the terminal, and goes on when it is brought to the foreground."""
    plan = spawn.sealed("plan", plan_of(shell('echo ready; read line; echo "<$line>"'), busybox, tty=True, state_root=f"{tmp_path}/state"))
    options = {**terminal.options(), "env": {"PATH": os.environ["PATH"], "TERM": "dumb"}}
    with subprocess.Popen(["bash", "--norc", "--noprofile", "-i"], pass_fds=(plan,), **options) as bash:
        os.close(plan)
        terminal.expect("[#$] ")
        terminal.type(f"PS1='@'\"> \"; {launcher} {plan} &\n")
        terminal.expect("@> ")
        terminal.type("until jobs | grep Stopped; do :; done; fg\n")
        terminal.expect("Stopped.*launcher")
        terminal.expect("ready\r\n")
        terminal.type("typed\r")
        terminal.expect("<typed>\r\n@> ")
        terminal.type("stty -a | grep -c -e ' icanon'; exit\n")
        terminal.expect("\r\n1\r\n")
        assert bash.wait(30) == 0
