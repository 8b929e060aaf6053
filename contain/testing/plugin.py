"""The pytest plugin: fixtures `sandbox` and `container_factory`, the mark `sandbox`, and a check that no container outlives the session.

Every pytest run of everybody who has contain installed imports this module, so it imports nothing but pytest.

    @pytest.mark.sandbox(rootfs="build/rootfs", memory="64m")
    def test_it(sandbox):
        assert sandbox.run(["true"]).ok
"""

from __future__ import annotations

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from typing import Any

    from contain.container.container import Container
    from contain.container.sandbox import Sandbox

_STARTED = pytest.StashKey[list["Container"]]()


def pytest_configure(config: pytest.Config) -> None:
    """Registers the mark."""
    config.addinivalue_line("markers", "sandbox(**options): options of contain.Sandbox for the fixtures of this test, class or module")
    config.stash[_STARTED] = []


def _sandbox(request: pytest.FixtureRequest, **options: Any) -> Sandbox:
    """The sandbox of a test: the marks around it, the nearest last, then `options`. Skips where this host cannot have one."""
    import contain

    merged: dict[str, Any] = {}
    for mark in reversed(list(request.node.iter_markers("sandbox"))):
        merged |= mark.kwargs
    try:
        return contain.Sandbox(**{**merged, **options})
    except contain.HostError as error:
        pytest.skip(f"this host cannot: {error}" + (f" ({error.remedy})" if error.remedy else ""))


@pytest.fixture
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """contain.Sandbox with the options of the mark `sandbox`; without one the safe view of the host."""
    return _sandbox(request)


@pytest.fixture
def container_factory(request: pytest.FixtureRequest) -> Iterator[Callable[..., Container]]:
    """`container_factory(cmd, **options)` starts a container that ends with the test; its logs stand in the report of a failing test."""
    started: list[Container] = []
    request.node.stash[_STARTED] = started

    def start(cmd: list[str], **options: Any) -> Container:
        from contain.container.job import RUN_OPTIONS

        run = {name: options.pop(name) for name in RUN_OPTIONS if name in options}
        found = _sandbox(request, **options).start(cmd, **run)
        started.append(found)
        request.config.stash[_STARTED].append(found)
        return found

    yield start
    for container in reversed(started):
        container.__exit__(None, None, None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Adds the logs of a failing test's containers to its report, before the fixture ends them."""
    report: Any = yield
    if call.when == "call" and report.failed:
        for container in item.stash.get(_STARTED, []):
            for stream in ("stdout", "stderr"):
                text = container.logs(stream=stream, tail=50) if container.has_log(stream) else b""
                if text:
                    report.sections.append((f"{container.id} {stream}", text.decode(errors="replace")))
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A container that a fixture started and that still runs is a failure of the session."""
    left = [container for container in session.config.stash.get(_STARTED, []) if container.alive]
    for container in left:
        container.__exit__(None, None, None)
    if left and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
