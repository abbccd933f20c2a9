"""`python -m endpoint`: serve a release, as `dwpld serve` does."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from endpoint.commands import serve
from loader.errors import MisuseError


def main() -> int:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m endpoint", description="Serve a release over HTTP.")
    parser.add_argument("--release", type=Path, default=Path("build/current"))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    try:
        return serve(arguments.release, arguments.host, arguments.port, {})
    except MisuseError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
