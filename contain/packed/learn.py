"""The first run of a verb: which modules it completes, in which order, and which functions it calls. The others are left out of its pack's rows."""

import sys

from contain.packed.read import Finder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType

#: a verb that goes on for long shows early what it calls, and is not slowed down for ever
LIMIT = 30_000


class Learner(Finder):
    """Notes the code of every function that is called, until LIMIT calls were seen or another tracer took its place."""

    def __init__(self) -> None:
        """Begins at once, unless somebody traces already."""
        super().__init__(["contain", "contain.packed", "contain.packed.keep"])
        self.called: dict[int, CodeType] = {}
        self.left = LIMIT
        sys.meta_path.insert(0, self)
        if sys.gettrace() is None:
            sys.settrace(self._heed)

    def _heed(self, frame: "FrameType", event: str, argument: object) -> None:  # noqa: ARG002  sys.settrace's protocol
        """One call; nothing more is wanted of that frame."""
        self.called[id(frame.f_code)] = frame.f_code
        self.left -= 1
        if not self.left:
            sys.settrace(None)

    def end(self) -> None:
        """Nothing is noted from now on."""
        if getattr(sys.gettrace(), "__self__", None) is self:
            sys.settrace(None)
