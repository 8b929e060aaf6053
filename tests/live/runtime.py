"""`contain` as an engine calls it, and what tests ask of a container that it made."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import TOP, command

if TYPE_CHECKING:
    from collections.abc import Callable


class Runtime:
    """`contain` with a state root of its own, called as engines do; ids are counted, what is left is deleted at the end."""

    def __init__(self, contain: Callable[..., subprocess.CompletedProcess[str]], root: str, make_bundle: Callable[..., str]) -> None:
        self._contain, self.root, self._bundle = contain, root, make_bundle
        self.ids: list[str] = []
        self.log = f"{root}.log"

    def __call__(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """One call; output captured, so that a container's own output is not mixed with ours."""
        return self._contain("--root", self.root, "--log", self.log, "--log-format", "json", *words, **options)

    def create(self, *args: str, **options: Any) -> str:
        """A created container's id."""
        return self.make("create", *args, **options)

    def make(
        self,
        verb: str,
        *args: str,
        words: tuple[str, ...] = (),
        before: tuple[str, ...] = (),
        under: tuple[str, ...] = (),
        pass_fds: tuple[int, ...] = (),
        env: dict[str, str] | None = None,
        **members: Any,
    ) -> str:
        """A container that `create`, or `run --detach`, has made. Its output goes to a file, since it would hold a pipe of ours open.

        `words` are options of the verb, `before` global ones, `under` is a program that starts us, `members` are those of config.json.
        """
        name = self.named()
        bundle = self._bundle(*args, **members)
        self.output = f"{bundle}/{name}.out"
        words = ("--detach", *words) if verb == "run" and "--detach" not in words else words
        with open(self.output, "w", encoding="utf-8") as out:
            streams = {"capture_output": False, "stdout": out, "stderr": subprocess.STDOUT}
            done = self(*before, verb, "--bundle", bundle, *words, name, under=under, pass_fds=pass_fds, env=env, **streams)
        assert done.returncode == 0, self.said()
        return name

    def named(self) -> str:
        """An id of ours, which is deleted at the end."""
        self.ids.append(f"t{os.getpid()}-{len(self.ids)}")
        return self.ids[-1]

    def stub(self) -> str:
        """The installed program; skips where there is none."""
        path = command()[0]
        if os.path.basename(path) != "contain":
            pytest.skip("contain is not installed beside this Python: make build")
        return path

    def said(self) -> str:
        """What the container made last has printed so far."""
        with open(self.output, encoding="utf-8") as file:
            return file.read()

    def state(self, name: str) -> dict[str, Any]:
        """What `state` prints."""
        found: dict[str, Any] = json.loads(self("state", name).stdout)
        return found

    def words(self) -> list[str]:
        """The program and its global options, for callers that start it themselves."""
        return [*command(), "--root", self.root, "--log", self.log, "--log-format", "json"]

    def environment(self) -> dict[str, str]:
        """For them: where the package is."""
        return {**os.environ, "PYTHONPATH": TOP}

    def eventually(self, true: Callable[[], bool]) -> None:
        """Waits until something is true."""
        deadline = time.monotonic() + 30
        while not true():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def until(self, name: str, status: str) -> dict[str, Any]:
        """Waits for a status."""
        deadline = time.monotonic() + 30
        while (found := self.state(name))["status"] != status:
            assert time.monotonic() < deadline, found
            time.sleep(0.02)
        return found

    def logged(self) -> str:
        """The last error in the log."""
        with open(self.log, encoding="utf-8") as file:
            return str(json.loads(file.readlines()[-1])["msg"])
