"""Whose systemd answers."""

from __future__ import annotations

import pytest

from contain.kernel import managers

USERS = "/user.slice/user-1001.slice/user@1001.service"


@pytest.mark.parametrize(
    ("euid", "own", "initial", "users"),
    [
        (0, "/system.slice/docker.service", True, False),
        (0, f"{USERS}/user.slice/podman-7.scope", True, False),  # sudo in a user's terminal
        (0, f"{USERS}/user.slice/podman-7.scope", False, True),  # an ordinary user's Podman
        (0, "/user.slice/user-0.slice/user@0.service/app.slice", False, False),
        (0, "/", False, False),  # a machine in a user namespace of its own
        (1001, "/user.slice/user-1001.slice/session-3.scope", True, True),
    ],
)
def test_who_is_asked(euid: int, own: str, initial: bool, users: bool) -> None:
    """An ordinary user's manager for him, and for him as root of a user namespace that his manager's cgroup holds."""
    assert managers.is_users(euid, own, initial=initial) is users


def test_service() -> None:
    """Up to the manager itself."""
    assert managers.service(f"{USERS}/user.slice/libpod-x.scope") == USERS
    assert managers.service("/user.slice/user-1001.slice/session-3.scope") == ""
