"""At the end of a verb: makes its pack, when there is none or it lacked too much."""

import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def keep(*, fresh: bool = True) -> None:
    """Never fails: a cache is a convenience.

    Only with `fresh` is the folder made: who only reads documents leaves nothing behind.
    """
    if not sys.flags.no_site or posix.environ.get(b"CONTAIN_CACHE") == b"0":
        return
    pack: Any = getattr(sys.modules.get("contain.cli.main"), "__loader__", None)
    if hasattr(pack, "is_enough") and pack.is_enough():
        return
    finder: Any = next((one for one in sys.meta_path if hasattr(one, "done")), None)
    if finder is None:
        return
    if hasattr(finder, "end"):
        finder.end()
    done = list(dict.fromkeys(finder.done))  # before we import more
    try:
        from contain.packed import write

        write.write(done, pack if hasattr(pack, "rows") else None, getattr(finder, "called", {}), fresh=fresh)
    except (OSError, ValueError, AttributeError, ImportError):
        return
