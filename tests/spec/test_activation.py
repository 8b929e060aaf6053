"""LISTEN_FDS."""

from __future__ import annotations

import pytest

from contain.spec import defaults
from contain.spec.activation import adopt
from contain.spec.model import RunOptions, Spec


def spec() -> Spec:
    """Of nothing, with one descriptor to keep."""
    return Spec(defaults.fill({}), kind="oci", bundle="/", root="/", run=RunOptions(preserve_fds=1))


def test_sockets_go_on() -> None:
    """They are kept beside --preserve-fds, and the program is told that they are its own."""
    one = spec()
    assert adopt(one, {"LISTEN_FDS": "2", "LISTEN_PID": "77", "LISTEN_FDNAMES": "a:b"}, 77)
    assert one.run.preserve_fds == 3
    assert one.config["process"]["env"] == ["LISTEN_FDS=2", "LISTEN_PID=1", "LISTEN_FDNAMES=a:b"]


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LISTEN_FDS": "2"},
        {"LISTEN_FDS": "2", "LISTEN_PID": "78"},
        {"LISTEN_FDS": "x", "LISTEN_PID": "77"},
        {"LISTEN_FDS": "9999999", "LISTEN_PID": "77"},
    ],
)
def test_what_is_not_for_us(environ) -> None:
    """Nothing is kept and nothing said."""
    one = spec()
    assert not adopt(one, environ, 77)
    assert (one.run.preserve_fds, one.config["process"]["env"]) == (1, [])
