"""Where the operator's program is."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import List, Optional

NAME = "wxsub.exe" if sys.platform == "win32" else "wxsub"


def program() -> Optional[Path]:
    """The program: ``WXSUB_PROGRAM``, the package's own, or that of the checkout around it."""
    named = os.environ.get("WXSUB_PROGRAM")
    if named:
        return Path(named)
    package = Path(__file__).resolve().parent
    places: List[Path] = [package / "bin" / NAME]
    if len(package.parents) > 2:
        places += [package.parents[2] / "target" / profile / NAME for profile in ("release", "debug")]
    return next((place for place in places if place.is_file()), None)
