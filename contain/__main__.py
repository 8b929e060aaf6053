"""What the installed `contain` starts, by path and without site packages, and what `python -m contain` starts."""

import sys

if not __package__:
    # started as `python -I -S …/contain/__main__.py NAME ARG…` by launcher/src/front: our own folder is all that is needed
    sys.path.append(__file__.rsplit("/", 2)[0])
    NAME = sys.argv.pop(1)
    import gc

    from contain.packed.keep import keep
    from contain.packed.learn import Learner

    gc.disable()  # until the verb is known: a dozen collections among modules that all stay cost 2 ms
    Learner()
else:
    NAME = "contain"

from contain.cli.main import main

code = main(sys.argv[1:], name=NAME)
if not __package__:
    keep(fresh=False)
sys.exit(code)
