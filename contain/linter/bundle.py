"""The files beside a config.json, as rules may look at them: read-only, bounded, never following a link out of the bundle."""

from __future__ import annotations

import os
import stat


class Bundle:
    """The folder that holds a config.json."""

    __slots__ = ("folder",)

    def __init__(self, folder: str) -> None:
        """`folder` need not exist."""
        self.folder = folder

    def path(self, name: str) -> str:
        """A path of the config, relative ones from the bundle."""
        return os.path.join(self.folder, name)

    def is_folder(self, name: str) -> bool:
        """Whether it is a folder (or a link to one)."""
        return os.path.isdir(self.path(name))

    def exists(self, name: str) -> bool:
        """Whether anything is there, a dangling link too."""
        return os.path.lexists(self.path(name))

    def is_link(self, name: str) -> bool:
        """Whether it is a symbolic link."""
        return os.path.islink(self.path(name))

    def mode(self, name: str) -> int:
        """Permissions and kind, 0 when it cannot be seen."""
        try:
            return os.stat(self.path(name)).st_mode
        except OSError:
            return 0

    def is_program(self, name: str) -> bool:
        """Whether it is a file that somebody may execute."""
        mode = self.mode(name)
        return stat.S_ISREG(mode) and bool(mode & 0o111)
