"""The program that the launcher becomes after a failure: reads the record from a descriptor, prints cause and remedy, exits with its code."""

from __future__ import annotations

import os
import sys

EXIT_OURS = 125


def main(argv: list[str]) -> int:
    """`argv` ends with the number of the descriptor. The first line is on the terminal already."""
    from contain.launcher.failure import lines
    from contain.launcher.record import SIZE, Record

    try:
        record = Record(os.read(int(argv[-1]), SIZE))
    except (IndexError, ValueError, OSError):
        return EXIT_OURS
    try:
        for line in lines(record):
            sys.stderr.write(f"{line}\n")
    except OSError:  # nobody can read it; the code of the record counts, not that of a flush at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    return int(record.code)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
