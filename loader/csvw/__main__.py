"""Run the two commands without the rest of `dwpld`: `python -m loader.csvw convert …`."""

from __future__ import annotations

import argparse
import sys

from loader.csvw import commands
from loader.errors import MisuseError


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m loader.csvw", description="CSV on the Web")
    actions = parser.add_subparsers(dest="action", required=True)
    convert = actions.add_parser("convert", help="convert CSV to RDF")
    validate = actions.add_parser("validate", help="check CSV against its metadata")
    for action in (convert, validate):
        action.add_argument("input", help="path or URL of a CSV file or a metadata document")
        action.add_argument("--metadata", help="path or URL of metadata to use instead of any other")
    convert.add_argument("--mode", choices=commands.MODES, default="standard")
    convert.add_argument("-o", "--output", help="file to write (.nt, .nq, .ttl); stdout without it")
    options = parser.parse_args(argv)
    try:
        if options.action == "validate":
            return commands.validate(options.input, metadata=options.metadata)
        return commands.convert(options.input, mode=options.mode, metadata=options.metadata, output=options.output)
    except MisuseError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
