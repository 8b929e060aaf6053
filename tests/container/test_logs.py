"""The logs of a container that goes on: files that are bounded whatever it says, and can be read and followed meanwhile."""

from __future__ import annotations

import os

import pytest

import contain
from contain.container.log import SLACK, Follower, Log
from contain.container.streams import Limit

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files"),
]
TALK = "seq 1 2000000; exec sleep 1000"  # 14.9 MB in lines
WHOLE = "".join(f"{number}\n" for number in range(1, 2_000_001)).encode()


@pytest.fixture(scope="module")
def sandbox(busybox: str) -> contain.Sandbox:
    """One for all."""
    return contain.Sandbox(rootfs=busybox)


def blocks(box: contain.Container) -> int:
    """Bytes of the log's file that the disk holds."""
    return os.fstat(box._streams.logs["stdout"].fd).st_blocks * 512


@pytest.mark.parametrize(("on_excess", "head"), [(None, b""), ("drain", WHOLE[:100_000])])
def test_file_is_bounded(sandbox: contain.Sandbox, on_excess: str | None, head: bytes) -> None:
    """Of what it says the last bytes are kept, or the first; the program never notices."""
    with sandbox.start(["sh", "-c", TALK], output_limit=100_000, on_excess=on_excess) as box:  # type: ignore[arg-type]
        box.wait_for(lambda one: one.exec(["pidof", "sleep"]).ok)
        wanted = head or WHOLE[-100_000:]
        box.wait_for(lambda one: one.logs() == wanted)
        assert blocks(box) <= 100_000 + 3 * SLACK
        assert box.logs(tail=1) == wanted.splitlines(keepends=True)[-1]
        box.kill()
        found = box.wait(60)
    assert (found.stdout, found.truncated) == (wanted, {"stdout"})


def test_all_is_kept_by_default(sandbox: contain.Sandbox) -> None:
    """As far as it is 16 MiB; of more, both ends."""
    with sandbox.start(["sh", "-c", "seq 1 2000000"]) as box:
        assert box.wait(60).stdout == WHOLE
    with sandbox.start(["sh", "-c", "seq 1 2000000; seq 1 2000000"]) as box:
        found = box.wait(60)
        assert (found.stdout[: 8 << 20], found.truncated) == (WHOLE[: 8 << 20], {"stdout"})
        assert found.stdout[8 << 20 :] == WHOLE[-8 << 20 :]


def test_too_much_can_end_it(sandbox: contain.Sandbox) -> None:
    """By the monitor, whatever the caller does meanwhile."""
    with sandbox.start(["sh", "-c", "while echo y; do :; done"], output_limit="1k", on_excess="kill") as box:
        found = box.wait(60)
    assert (found.reason, found.stdout) == (contain.Reason.OUTPUT_LIMIT, b"y\n" * 512)


def test_following_leaves_out_what_was_dropped(sandbox: contain.Sandbox) -> None:
    """Whole lines only, in their order, and the last one."""
    with sandbox.start(["sh", "-c", "seq 1 2000000"], output_limit=100_000) as box:
        numbers = [int(line) for line in box.follow()]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 2_000_000


def test_log_is_a_pipe_to_the_program(sandbox: contain.Sandbox) -> None:
    """It can neither be read back nor emptied from inside."""
    with sandbox.start(["sh", "-c", "echo said; : </proc/self/fd/1 & stat -Lc %F /proc/self/fd/1"]) as box:
        assert b"fifo" in box.wait(60).stdout
        assert b"said" in box.logs()


def test_follower_jumps_over_the_hole() -> None:
    """Head, then what is left of the tail from its first whole line on."""
    log = Log(Limit(20, "both"))
    try:
        os.pwrite(log.fd, b"one\ntwo\nthree\n", 0)
        follower = Follower(log)
        assert follower.lines(last=False) == [b"one\n", b"two\n", b"three\n"]
        os.pwrite(log.fd, b"lines\n" * 10, 100)
        assert follower.lines(last=True) == [b"lines\n"]
        assert Follower(log).lines(last=True) == [b"one\n", b"two\n", b"lines\n"]
    finally:
        log.close()


def test_looking_for_words() -> None:
    """Across pieces that came one after the other, in the head, in the tail; what was found is found again."""
    log = Log(Limit(20, "both"))
    try:
        os.pwrite(log.fd, b"one tw", 0)
        found, at = log.find(b"two", 0)
        assert not found
        os.pwrite(log.fd, b"o three", 6)
        assert log.find(b"two", at)[0]
        assert log.find(b"two", log.find(b"two", at)[1])[0]
        os.pwrite(log.fd, b"x" * 100 + b"four", 13)
        assert log.find(b"four", log.size - 30)[0]
        assert log.find(b"one", 0)[0]
        assert not log.find(b"three", 0)[0]  # it was dropped
    finally:
        log.close()


def test_same_words_for_two_containers(sandbox: contain.Sandbox) -> None:
    """A condition may be waited for again, and by others."""
    ready = contain.log("ready")
    for _ in range(2):
        with sandbox.start(["sh", "-c", "echo much; echo ready; exec sleep 1000"]) as box:
            box.wait_for(ready)
            box.wait_for(ready)
