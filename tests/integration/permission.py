"""Commands that may do what permissions say and no more, also where root runs the tests."""

from __future__ import annotations

import os
import shutil

import pytest


def bound_by_permissions(command: list[str]) -> list[str]:
    """Have a command run without the right to pass over permissions, which root has."""
    if os.geteuid():
        return command
    program = shutil.which("setpriv")
    if program is None:
        pytest.skip("root may write anywhere, and there is no setpriv to give that up with")
    return [program, "--bounding-set=-dac_override,-dac_read_search", *command]
