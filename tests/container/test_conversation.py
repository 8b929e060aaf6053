"""What goes to and fro between a container that goes on and its caller: input, conditions with their deadlines, logs after the end."""

from __future__ import annotations

import asyncio
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import contain
from contain import aio

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files"),
]
SILENT = ["sh", "-c", "while :; do nc -l -p 8080 -e sleep 1000; done"]
#: an HTTP server that answers when there is a /tmp/go
LATER = "while :; do nc -l -p 8080 -e sh -c 'touch /tmp/asked; while ! test -e /tmp/go; do :; done; printf \"HTTP/1.0 200 OK\\r\\n\\r\\n\"'; done"


@pytest.fixture(scope="module")
def sandbox(busybox: str) -> contain.Sandbox:
    """One for all."""
    return contain.Sandbox(rootfs=busybox)


def test_input_is_there_from_the_start(sandbox: contain.Sandbox) -> None:
    """More than a pipe holds; nobody has to wait() for the container to get it."""
    data = b"x" * 300_000 + b"end\n"
    with sandbox.start(["cat"], input=data) as box:
        box.wait_for(contain.log("end"))
        assert box.wait(30).stdout == data
        assert box.stdin is None


def test_input_of_a_further_command(sandbox: contain.Sandbox) -> None:
    """Likewise; its output is read to its end."""
    with sandbox.start(["sleep", "1000"]) as box, box.popen(["cat"], input="hi\n", text=True) as process:
        assert process.stdout is not None
        assert (process.stdin, process.stdout.read(), process.wait(30).returncode) == (None, "hi\n", 0)


def test_stdin_is_a_file(sandbox: contain.Sandbox) -> None:
    """As of subprocess.Popen: written when the caller likes, open until it is closed."""
    with sandbox.start(["cat"], stdin=contain.PIPE, text=True) as box:
        assert box.stdin is not None
        for word in ("one", "two"):
            box.stdin.write(f"{word}\n")
            box.stdin.flush()
            box.wait_for(contain.log(word))
        assert box.alive
        box.stdin.close()
        assert box.wait(30).stdout == "one\ntwo\n"
    with sandbox.start(["true"], stdin=contain.PIPE) as box:
        assert box.stdin is not None
        box.wait(30)
        box.stdin.write(b"nobody reads this")  # buffered: the end of the block finds out, and says nothing


@pytest.mark.parametrize("condition", [contain.url(8080), contain.command(["sleep", "1000"])])
def test_no_condition_outlasts_the_deadline(sandbox: contain.Sandbox, condition: Callable[[Any], Any]) -> None:
    """Not a server that says nothing, not a command that hangs."""
    with sandbox.start(SILENT) as box:
        box.wait_for(contain.port(8080))
        with pytest.raises(TimeoutError):
            box.wait_for(condition, timeout=0.3)
        assert box.alive


def test_url_has_a_path() -> None:
    """Nothing that would be a header of its own."""
    for path in ("x", "/a b", "/\r\nX: y", "/ä"):
        with pytest.raises(contain.UsageError, match="no path"):
            contain.url(8080, path)


@pytest.mark.parametrize("number", [0, 70000, "80", True, None])
def test_what_is_no_port(number: Any) -> None:
    """Said at once, not when the time is over."""
    for condition in (contain.port, contain.url):
        with pytest.raises(contain.UsageError, match="no port"):
            condition(number)


def test_signals_and_encodings(sandbox: contain.Sandbox) -> None:
    """By name too; unknown ones are errors before anything happens."""
    with sandbox.start(["sh", "-c", "trap 'exit 7' USR1; echo ready; while :; do sleep 0.01; done"]) as box:
        box.wait_for(contain.log("ready"))
        for wrong in (99, "NOPE", -1):
            with pytest.raises(contain.UsageError, match="unknown signal"):
                box.kill(wrong)
        box.signal("USR1")
        assert box.wait(60).returncode == 7
    with pytest.raises(contain.UsageError, match="unknown encoding"):
        sandbox.run(["true"], encoding="nope")


def test_loop_goes_on_while_a_server_thinks(busybox: str) -> None:
    """The request waits for what another task does."""

    async def main() -> None:
        async with aio.Sandbox(rootfs=busybox).start(["sh", "-c", LATER]) as box:

            async def let_it_answer() -> None:
                await box.wait_for(contain.file("/tmp/asked"))
                await box.put(b"", "/tmp/go")

            await asyncio.gather(box.wait_for(contain.url(8080)), let_it_answer())
            with pytest.raises(TimeoutError):
                await box.wait_for(contain.command(["sleep", "1000"]), timeout=0.3)
            await box.wait_for(contain.command(["test", "-e", "/tmp/asked"]))

    asyncio.run(main())


def test_condition_of_ones_own(sandbox: contain.Sandbox) -> None:
    """A function of the container: a Result or a truth; what it raises is raised."""
    asked = []

    def third_time(box: contain.Container) -> bool:
        asked.append(box.id)
        return len(asked) == 3

    with sandbox.start(["sleep", "1000"]) as box:
        box.wait_for(third_time, lambda one: one.exec(["true"]))
        assert asked == [box.id] * 3
        with pytest.raises(ZeroDivisionError):
            box.wait_for(lambda _: 1 / 0)


def test_logs_stay_after_the_end(sandbox: contain.Sandbox) -> None:
    """As text or bytes, by their last lines too; a port of the dead is no address."""
    for options in ({}, {"text": True}):
        with sandbox.start(["sh", "-c", "echo one; echo two; echo three >&2"], **options) as box:  # type: ignore[arg-type]
            box.wait(30)
            with pytest.raises(contain.StateError, match="has ended"):
                box.publish(8080)
        assert (box.logs(), box.logs(tail=1), box.logs(stream="stderr")) == (b"one\ntwo\n", b"two\n", b"three\n")
        assert box.has_log("stdout")
        with pytest.raises(contain.UsageError, match="it has ended"):
            next(box.follow())
        with pytest.raises(contain.UsageError, match="no number of lines"):
            box.logs(tail=-1)


def test_last_words_are_pickled(sandbox: contain.Sandbox) -> None:
    """For another process."""
    with sandbox.start(["sh", "-c", "echo why >&2; exit 3"]) as box, pytest.raises(contain.Dead) as caught:
        box.wait_for(contain.port(8080))
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.log_tail, again.cause, again.result.returncode, str(again)) == (b"why\n", "why", 3, str(caught.value))


@pytest.mark.parametrize("user", [5, "5", (5, 0), "5:0"])
def test_users_of_a_further_command(busybox: str, user: Any) -> None:
    """By numbers, in each way to write them."""
    with contain.Sandbox(rootfs=busybox, userns="host").start(["sleep", "1000"]) as box:
        assert box.exec(["id", "-u"], user=user, text=True).stdout == "5\n"


def test_many_wait_for_one(sandbox: contain.Sandbox) -> None:
    """Threads that wait, follow and look while it ends, by itself or killed: each has its result, and nothing is closed twice."""
    for number in range(20):
        found: list[Any] = []
        with sandbox.start(["sh", "-c", "echo line; sleep 0.02"]) as box:

            def look(box: contain.Container = box) -> Any:
                while box.alive:
                    pass
                return box.wait(0)

            with ThreadPoolExecutor(5) as pool:
                waiting = [pool.submit(one) for one in (box.wait, box.wait, look, lambda box=box: list(box.follow()))]
                if number % 2:
                    box.kill()
                    box.kill()
                found = [one.result(60) for one in waiting]
        assert len({id(one) for one in found[:3]}) == 1
        assert found[3] == [b"line\n"] or number % 2


def test_forked_child_leaves_it_alone(sandbox: contain.Sandbox) -> None:
    """It can run something inside; it neither reads the record that its parent waits for, nor ends the container with its block."""
    read, write = os.pipe()
    pid = -1
    try:
        with sandbox.start(["sleep", "1000"]) as box:
            pid = os.fork()
            if pid:
                assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
                assert (os.read(read, 100), box.alive) == (b"done", True)
                assert box.stop(0).reason is not contain.Reason.SANDBOX_ERROR
            elif box.exec(["true"]).ok:
                with pytest.raises(contain.StateError, match="forked"):
                    box.wait(0)
                os.write(write, b"done")
    finally:
        if not pid:
            os._exit(0)
        os.close(read)
        os.close(write)


@pytest.mark.parametrize("library", ["asyncio", "trio"])
def test_tasks_wait_for_one(busybox: str, library: str) -> None:
    """One waits for its end, another one brings it about; an event loop knows a descriptor once."""
    ended: list[Any] = []

    async def wait(box: aio.Container) -> None:
        ended.append(await box.wait())

    async def with_asyncio() -> None:
        async with aio.Sandbox(rootfs=busybox).start(["sleep", "1000"]) as box:
            tasks = [asyncio.create_task(wait(box)) for _ in range(2)]
            await asyncio.sleep(0.1)
            ended.append(await box.stop(0))
            await asyncio.gather(*tasks)

    async def with_trio() -> None:
        async with trio.open_nursery() as nursery, aio.Sandbox(rootfs=busybox).start(["sleep", "1000"]) as box:
            nursery.start_soon(wait, box)
            nursery.start_soon(wait, box)
            await trio.sleep(0.1)
            ended.append(await box.stop(0))

    trio = pytest.importorskip("trio")
    asyncio.run(with_asyncio()) if library == "asyncio" else trio.run(with_trio)
    assert len(ended) == 3
    assert len({id(one) for one in ended}) == 1
