"""Commands to be killed or starved: each in a process forked from one that has imported everything.

So that each costs its work only, not the start of Python. `python -m tests.integration.killed` reads a JSON object a
line: `arguments` of the command line, or the `staged` directory to swap into `out`; `step`, the file operation of a
swap to die before; `limit_bytes`, the largest file it may write. It prints the process id, then how it ended.
"""

from __future__ import annotations

import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

OPERATIONS = ("open", "os.mkdir", "os.rename", "os.symlink", "os.remove", "os.rmdir", "shutil.rmtree")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended."""

    code: int
    """Exit code; the signal's number, negative, if it was killed."""
    said: str


class Forker:
    """Starts processes that are to be killed; use it in a `with`."""

    def __init__(self, log: Path) -> None:
        self.log = log

    def __enter__(self) -> Forker:
        """Import everything once."""
        command = [sys.executable, "-m", "tests.integration.killed", str(self.log)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it; it has no process of its own left."""
        self.process.communicate()

    def run(self, task: dict[str, object], kill_after_s: float | None = None) -> Ended:
        """Run a task to its end, or until its time is over."""
        assert self.process.stdout is not None
        self.log.write_text("", "utf-8")
        self._tell(json.dumps(task))
        pid = int(self.process.stdout.readline())
        if not select.select([self.process.stdout], [], [], kill_after_s)[0]:
            os.kill(pid, signal.SIGKILL)  # ended or not, the id is its own until its end is asked for
        self.process.stdout.readline()
        self._tell("")
        code = os.waitstatus_to_exitcode(int(self.process.stdout.readline()))
        return Ended(code, self.log.read_text("utf-8"))

    def _tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()


def main() -> None:
    """Fork a process for each line."""
    import dwpld
    import loader.build  # noqa: F401 - so that the processes need not

    while line := sys.stdin.readline():
        pid = os.fork()
        if pid == 0:
            run(json.loads(line), Path(sys.argv[1]), dwpld.main)
        print(pid, flush=True)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        print("ended", flush=True)
        sys.stdin.readline()
        print(os.waitpid(pid, 0)[1], flush=True)


def run(task: dict[str, object], log: Path, command: object) -> None:
    """Do a task and end the process."""
    code = 70
    try:
        output = os.open(log, os.O_WRONLY | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        if isinstance(limit := task.get("limit_bytes"), int):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        if "arguments" in task:
            sys.argv = ["dwpld", *task["arguments"]]  # type: ignore[misc]
            assert callable(command)
            command()
        else:
            swap(Path(str(task["staged"])), Path(str(task["out"])), str(task["name"]), int(str(task["step"])))
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    finally:
        os._exit(code)


def swap(staged: Path, out: Path, name: str, step: int) -> None:
    """Swap a copy of a staged directory in, and die just before its nth operation on files."""
    from loader.releases import claimed, staging, swap_in

    seen = 0

    def watch(event: str, _: tuple[object, ...]) -> None:
        nonlocal seen
        if event in OPERATIONS:
            seen += 1
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)

    with claimed(out), staging(out) as directory:
        shutil.copytree(staged, directory, dirs_exist_ok=True)
        sys.addaudithook(watch)
        swap_in(directory, out, name)


if __name__ == "__main__":
    main()
