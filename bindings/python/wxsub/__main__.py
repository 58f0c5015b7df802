"""``wxsub`` and ``python -m wxsub``: the operator's program, which the wheel carries."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import NoReturn

from ._program import program


def main() -> NoReturn:
    """Becomes the program, with the same arguments and the same exit code."""
    found = program()
    if found is None:
        sys.exit("wxsub: this package was built without the operator's program: install a wheel, or build it with cargo")
    command = [str(found), *sys.argv[1:]]
    try:
        if sys.platform == "win32":
            # Windows has no exec: the shell would go on while the program runs.
            sys.exit(subprocess.call(command))
        os.execv(command[0], command)
    except OSError as why:
        sys.exit(f"wxsub: {found}: {why.strerror}")


if __name__ == "__main__":
    main()
