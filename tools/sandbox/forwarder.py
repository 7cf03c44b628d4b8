"""What leads out of a room that was granted a way: a port of its own loopback, and behind it the socket of the proxy.

Run inside as `python -I -S -c <this> PROGRAM ...`: listens first, leaves a process behind that forwards, and becomes the
program. It must never be imported by the product.
"""

import os
import socket
import sys
import threading
from contextlib import suppress

_PORT, _PROXY, _AT_ONCE = 3128, "/run/proxy", 12


def main() -> None:
    server = socket.create_server(("127.0.0.1", _PORT), backlog=_AT_ONCE)
    if os.fork():
        server.close()
        os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - the program itself
    nowhere = os.open("/dev/null", os.O_RDWR)
    for number in range(3):
        os.dup2(nowhere, number)
    places = threading.Semaphore(_AT_ONCE)
    while True:
        places.acquire()
        inside, _ = server.accept()
        threading.Thread(target=_lead, args=(inside, places), daemon=True).start()


def _lead(inside: socket.socket, places: threading.Semaphore) -> None:
    try:
        with inside, socket.socket(socket.AF_UNIX) as outside:
            outside.connect(_PROXY)
            back = threading.Thread(target=_carry, args=(outside, inside), daemon=True)
            back.start()
            _carry(inside, outside)
            back.join()
    except OSError:
        return
    finally:
        places.release()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            sink.sendall(piece)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    main()
