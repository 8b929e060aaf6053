"""The pytest plugin: fixtures `sandbox`, `container_factory`, `shared_container` and `open_port`, the mark `sandbox`, and a check that no container
outlives the session.

Every pytest run of everybody who has contain installed imports this module, so it imports nothing but pytest.

    @pytest.mark.sandbox(rootfs="build/rootfs", memory="64m")
    def test_it(sandbox):
        assert sandbox.run(["true"]).ok
"""

from __future__ import annotations

import os
import sys

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Generator, Iterator
    from typing import Any

    from contain.container.container import Container
    from contain.container.sandbox import Sandbox
    from contain.testing.heard import Heard, Said
    from contain.testing.session import Session

_SAID = pytest.StashKey[list[list["Said"]]]()
_OWNER = pytest.StashKey[tuple[int, str]]()
_SESSION = pytest.StashKey["Session"]()
_LEFT = pytest.StashKey[list[str]]()
_BEFORE = pytest.StashKey[set[int]]()
#: imported as soon as anybody starts anything
_USED = "contain.launcher.spawn"
#: the name under which a worker of xdist hears whose session it is, and says what it has left
_INPUT, _OUTPUT = "contain_owner", "contain_left"


def pytest_configure(config: pytest.Config) -> None:
    """Registers the mark."""
    config.addinivalue_line("markers", "sandbox(**options): options of contain.Sandbox for the fixtures of this test, class or module")
    config.stash[_LEFT] = []
    pid, token = getattr(config, "workerinput", {}).get(_INPUT) or (os.getpid(), os.urandom(6).hex())
    config.stash[_OWNER] = pid, token


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """A worker of xdist is to know whose session it belongs to: what workers share ends with that one."""
    node.workerinput[_INPUT] = list(node.config.stash[_OWNER])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What a worker has left behind; of one that crashed the end of its process has ended all."""
    said = getattr(node, "workeroutput", None) or {}
    node.config.stash[_LEFT] += said.get(_OUTPUT, [])
    _session(node.config)  # somebody has to end what they shared


def _session(config: pytest.Config) -> Session:
    found = config.stash.get(_SESSION, None)
    if found is None:
        from contain.testing.session import Session

        found = config.stash[_SESSION] = Session(*config.stash[_OWNER])
    return found


def _sandbox(config: pytest.Config, **options: Any) -> Heard:
    """A sandbox that bears this session's token. Skips where this host cannot have one."""
    import contain
    from contain.testing.heard import Heard

    try:
        return Heard(**_session(config).labels(options))
    except contain.HostError as error:
        pytest.skip(f"this host cannot: {error}" + (f" ({error.remedy})" if error.remedy else ""))


def _marked(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The options of the marks around a test, the nearest last."""
    merged: dict[str, Any] = {}
    for mark in reversed(list(request.node.iter_markers("sandbox"))):
        if mark.args:
            from contain.errors import UsageError

            raise UsageError(f"the mark sandbox has only options by name, not {mark.args[0]!r}", remedy='write sandbox(rootfs="folder")')
        merged |= mark.kwargs
    return merged


def _split(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(those of a sandbox, those of a run)."""
    from contain.container.job import RUN_OPTIONS

    run = {name: value for name, value in options.items() if name in RUN_OPTIONS}
    return {name: value for name, value in options.items() if name not in run}, run


@pytest.fixture
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """contain.Sandbox with the options of the mark `sandbox`; without one the safe view of the host."""
    made = _sandbox(request.config, **_marked(request))
    request.node.stash.setdefault(_SAID, []).append(made.notes)
    return made


@pytest.fixture
def container_factory(request: pytest.FixtureRequest) -> Iterator[Callable[..., Container]]:
    """`container_factory(cmd, **options)` starts a container that ends with the test; its logs stand in the report of a failing test."""
    started: list[Any] = []
    request.node.stash.setdefault(_SAID, []).append(started)

    def start(cmd: list[str], **options: Any) -> Container:
        own, run = _split(options)
        found = _sandbox(request.config, **{**_marked(request), **own}).start(cmd, **run)
        started.append(found)
        return found

    yield start
    for container in reversed(started):
        container.__exit__(None, None, None)


@pytest.fixture(scope="session")
def shared_container(request: pytest.FixtureRequest) -> Callable[..., Container]:
    """`shared_container(name, cmd, ready=[contain.port(5432)], **options)`: one container of this name for the whole session.

    With pytest-xdist all workers get the same one: the first that asks starts it, the others join. It ends with the session, or with the
    process of pytest, however that ends; not with the worker that happened to start it.
    """

    def make(**options: Any) -> Sandbox:
        return _sandbox(request.config, **options)

    def share(name: str, cmd: list[str], *, ready: Any = (), within: float = 30, **options: Any) -> Container:
        found = _session(request.config).shared(name, make, cmd, *_split(options))
        found.wait_for(*([ready] if callable(ready) else ready), timeout=within)
        return found

    return share


@pytest.fixture
def open_port() -> Iterator[Callable[[], socket.socket]]:
    """`open_port()`: a socket that listens on a free port of 127.0.0.1, open until the end of the test, so that nobody else gets the number.

    Give it to a container by `pass_fds=[s.fileno()]`, or to a server of your own.
    """
    import socket

    made: list[socket.socket] = []

    def listen() -> socket.socket:
        made.append(socket.create_server(("127.0.0.1", 0)))
        return made[-1]

    yield listen
    for one in made:
        one.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Adds the logs of a failing test's containers to its report, before the fixture ends them."""
    report: Any = yield
    if call.when != "teardown" and report.failed and _SESSION in item.config.stash:
        from contain.testing.heard import sections

        session = item.config.stash.get(_SESSION, None)
        shared: list[Any] = list(session.handles.values()) if session else []
        for one in [*(one for notes in item.stash.get(_SAID, []) for one in notes), *shared]:
            report.sections += sections(one)
    return report


def pytest_sessionstart(session: pytest.Session) -> None:
    """Notes what runs already, of a session around this one."""
    if _USED in sys.modules:
        from contain.testing.session import launchers

        session.config.stash[_BEFORE] = launchers()


@pytest.hookimpl(trylast=True)  # after the fixtures of the session, and after xdist has ended its workers
def pytest_sessionfinish(session: pytest.Session) -> None:
    """What bears this session's token and still runs, or is a child of a process of it, is a failure of the session."""
    config = session.config
    known = _session(config) if _USED in sys.modules else config.stash.get(_SESSION, None)
    if known is not None:
        before: set[int] = config.stash.get(_BEFORE, set())
        config.stash[_LEFT] += known.strays(before)
        left = known.settled() if config.pluginmanager.hasplugin("dsession") else known.left()
        known.drop(left)
        config.stash[_LEFT] += left
    if hasattr(config, "workerinput"):
        vars(config).setdefault("workeroutput", {})[_OUTPUT] = config.stash[_LEFT]
        return
    if known is not None:
        known.end()
    if config.stash[_LEFT] and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Names what was left."""
    for name in config.stash[_LEFT]:
        terminalreporter.write_line(f"contain: {name if ' ' in name else f'container {name}'} outlived the session", red=True)
