"""The processes that answer queries: one that forks, and those it forks, each with a release opened read-only.

`python -m endpoint.worker N` is started by `endpoint.workers` with a socket as file descriptor N. It imports everything
once, which takes longer than all else, and forks a worker for each socket it is sent. More servers
(endpoint.server) are forked here too. It tells when a process has ended, kills one when told to, and ends, with all of
them, when the server does.

A worker answers one query at a time, whole, and never says what it thinks of time: the server kills it. Its memory is
bounded by its address space (RLIMIT_AS), counted from what it has once the release is open; what goes beyond that ends
in MemoryError or, in the engine, ends the process.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import selectors
import signal
import socket
import sys
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb

from endpoint.evaluation import produce
from endpoint.jobs import LENGTHS, TOO_MUCH_MEMORY, Job, Reply, message, read_header
from endpoint.pages import environment
from endpoint.problems import RequestError
from endpoint.serving import STACK_BYTES, contained, open_serving
from endpoint.settings import Settings
from loader.errors import DwpldError

if TYPE_CHECKING:
    from endpoint.jobs import Header
    from endpoint.serving import Serving

PR_SET_PDEATHSIG: Final = 1


class Forker:
    """Forks workers when the server asks for them."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._received = b""
        self._channels: list[int] = []
        self._children: set[int] = set()

    def run(self) -> None:
        """Serve until the server closes the socket."""
        ended, told = socket.socketpair()
        told.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # its coming is seen on the socket
        signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(ended, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is ended:
                        ended.recv(4096)
                        self._reap()
                    elif not self._listen():
                        self._kill_all()
                        return

    def _listen(self) -> bool:
        """Read what the server says; False if it says no more."""
        data, channels, _, _ = socket.recv_fds(self._control, 65_536, 16)
        self._channels += channels
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            order = read_header(line)
            if "kill" in order:
                self._kill(int(str(order["kill"])))
            else:
                self._fork(order, self._channels.pop(0))
        return bool(data)

    def _fork(self, order: Header, channel: int) -> None:
        pid = os.fork()
        if pid:
            os.close(channel)
            self._children.add(pid)
            return
        try:
            self._control.close()
            self._listen_no_more()
            die_with_parent()
            with socket.socket(fileno=channel) as connected:
                (serve if "port" in order else work)(connected, order)
        except ConnectionError:
            pass  # the server is gone
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)

    def _kill(self, pid: int) -> None:
        if pid in self._children:  # its id is its own until its end has been asked for
            os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self._children.discard(pid)
            line = json.dumps({"ended": pid, "code": os.waitstatus_to_exitcode(status)})
            self._control.sendall(f"{line}\n".encode())

    def _listen_no_more(self) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    def _kill_all(self) -> None:
        self._listen_no_more()
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)


def die_with_parent() -> None:
    """Be killed when the forking process ends, however it does; where the system can."""
    if sys.platform == "linux":
        import ctypes

        parent = os.getppid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent or parent == 1:
            os._exit(0)


def serve(channel: socket.socket, order: Header) -> None:
    """Answer requests beside the server."""
    from endpoint import server  # what only servers need is not in every worker

    server.serve(channel, str(order["host"]), int(str(order["port"])), settings_of(order))


def settings_of(order: Header) -> Settings:
    """Read the settings of an order."""
    raw = order["settings"]
    assert isinstance(raw, dict), "the server wrote it"
    return Settings(**{**raw, "release": Path(str(order["release"]))})


def work(channel: socket.socket, order: Header) -> None:
    """Open a release and answer queries about it until the server closes the socket."""
    settings = settings_of(order)
    room = Room(settings.max_memory_bytes)
    try:
        serving = open_serving(settings.release, settings.open_engine, room.count_as_opened, settings.open_store)
    except (DwpldError, OSError, duckdb.Error) as error:
        channel.sendall(message({"refused": str(error)}))
        return
    previous = threading.stack_size(STACK_BYTES)
    thread = threading.Thread(target=answer_all, args=(channel, serving, settings, room))
    thread.start()
    threading.stack_size(previous)
    thread.join()


class Room:
    """The memory that a query may take, beyond what the release takes."""

    def __init__(self, query_bytes: int) -> None:
        self._query_bytes = query_bytes
        self._opened_bytes = 0

    def count_as_opened(self) -> None:
        """Count all that this process has now as the release's, and allow a query so much more."""
        self._opened_bytes = address_space_bytes()
        limit_memory(self._opened_bytes + self._query_bytes)

    @property
    def is_grown(self) -> bool:
        """True if much of the room is taken between queries."""
        return address_space_bytes() - self._opened_bytes > self._query_bytes // 4


def answer_all(channel: socket.socket, serving: Serving, settings: Settings, room: Room) -> None:
    """Answer one query after the other, in the one thread whose stack is deep enough for any."""
    room.count_as_opened()
    with suppress(ConnectionError):  # the server is gone
        answer_each(channel, serving, settings, room)


def answer_each(channel: socket.socket, serving: Serving, settings: Settings, room: Room) -> None:
    """Answer until the server closes the socket."""
    channel.sendall(message({"pid": os.getpid(), "spent_s": time.process_time()}))
    while (header := receive(channel)) is not None:
        reply = answer(Job.of(header), serving, settings)
        is_spent = reply.is_spent or room.is_grown
        channel.sendall(replace(reply, is_spent=is_spent, spent_s=time.process_time()).message())


def answer(job: Job, serving: Serving, settings: Settings) -> Reply:
    """Answer a query; nothing it does wrong ends the worker but what ends any process."""
    try:
        return contained(lambda: produce(job, serving, settings))
    except RequestError as error:
        return Reply(error.status, detail=error.detail, headers=error.headers, members=error.members)
    except (MemoryError, duckdb.OutOfMemoryException):
        return Reply(HTTPStatus.BAD_REQUEST, detail=TOO_MUCH_MEMORY, is_spent=True)
    except Exception:  # the last resort, as in the server: it logs what this says, and the client learns a number
        return Reply(HTTPStatus.INTERNAL_SERVER_ERROR, detail=traceback.format_exc())


def receive(channel: socket.socket) -> Header | None:
    """Read a message without a body; None if the server has closed the socket."""
    lengths = exactly(channel, LENGTHS.size)
    text = exactly(channel, LENGTHS.unpack(lengths)[0]) if lengths is not None else None
    return read_header(text) if text is not None else None


def exactly(channel: socket.socket, count: int) -> bytes | None:
    """Read so many bytes; None if there are no more."""
    data = bytearray()
    while len(data) < count:
        piece = channel.recv(min(count - len(data), 1 << 20))
        if not piece:
            return None
        data += piece
    return bytes(data)


def address_space_bytes() -> int:
    """Tell how much address space this process has; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    except FileNotFoundError:
        return 0


def limit_memory(limit_bytes: int) -> None:
    """Take no more address space than that, and write no memory down when the engine ends the process."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, resource.RLIM_INFINITY))


def main() -> None:
    """Import everything, and fork until the server ends."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # the server ends its workers itself, when they have answered
    environment().get_template("sparql.html")
    gc.collect()
    gc.freeze()  # what was imported stays shared between the processes
    with socket.socket(fileno=int(sys.argv[1])) as control:
        Forker(control).run()


if __name__ == "__main__":
    main()
