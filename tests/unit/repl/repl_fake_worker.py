"""A worker without MLIR, for tests of the process around it: it counts, and dies as it is told."""

from __future__ import annotations

import os
import socket
import sys
import time
from typing import Any

from pharos.core.errors import UserError
from pharos.tools.repl.channel import Channel
from pharos.tools.repl.worker import serve

count = 0


def answer(request: dict[str, Any]):
    global count
    text = request["text"]
    count += 1
    if text == "abort while compiling":
        os.write(2, b"noise\nLLVM ERROR: out of registers\nmore noise\n")
        os.abort()
    if text == "mistake":
        raise UserError("wrong")
    if text == "bug":
        raise ZeroDivisionError("ours")
    yield {"say": "running"}
    if text == "abort while running":
        os.write(1, b"last words\n")
        os.write(2, b"and complaints\n")
        os.abort()
    if text == "exit":
        os._exit(7)
    if text == "forever":
        os.write(1, b"begun\n")
        time.sleep(60)
    if text == "half a message":
        os.write(int(sys.argv[1]), b'{"say": "shown", "te')
        os.abort()
    if text == "forget":
        yield {"say": "forget"}
    yield {"say": "shown", "text": f"{count}", "kind": "value"}


if __name__ == "__main__":
    if "refuse" in sys.argv:
        sys.exit(5)
    serve(Channel(socket.socket(fileno=int(sys.argv[1]))), answer)
