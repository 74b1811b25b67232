"""A scripted editor: JSON-RPC with the language server over its stdin and stdout."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


class Editor:
    """Sends requests and waits for their answers; keeps what the server tells meanwhile."""

    def __init__(self, folder: Path, encodings: tuple[str, ...] = ("utf-16",)) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pharos.tools.lsp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PHAROS_CACHE": str(folder / "cache")},
        )
        self.numbers = itertools.count(1)
        self.diagnostics: dict[str, list[dict[str, Any]]] = {}
        self.messages: list[str] = []
        self.versions: dict[str, int] = {}
        capabilities = {"general": {"positionEncodings": list(encodings)}}
        answer = self.request(
            "initialize", processId=None, rootUri=folder.as_uri(), capabilities=capabilities
        )
        self.capabilities = answer["capabilities"]
        self.notify("initialized")

    # -- the protocol ---------------------------------------------------------------------------

    def _send(self, **message: Any) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        stream = self.process.stdout
        assert stream is not None
        length = 0
        while True:
            line = stream.readline()
            assert line, "the server is gone"
            if line == b"\r\n":
                break
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        message: dict[str, Any] = json.loads(stream.read(length))
        if message.get("method") == "textDocument/publishDiagnostics":
            params = message["params"]
            self.diagnostics[params["uri"]] = params["diagnostics"]
        elif message.get("method") == "window/showMessage":
            self.messages.append(message["params"]["message"])
        return message

    def request(self, method: str, **params: Any) -> Any:
        number = next(self.numbers)
        self._send(id=number, method=method, params=params or None)
        while True:
            message = self._receive()
            if message.get("id") == number and "method" not in message:
                assert "error" not in message, message["error"]
                return message["result"]

    def notify(self, method: str, **params: Any) -> None:
        self._send(method=method, params=params)

    # -- an editor's doings ---------------------------------------------------------------------

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def open(self, name: str, text: str) -> list[dict[str, Any]]:
        """Open a file with unsaved ``text``; its diagnostics."""
        uri = self.uri(name)
        self.diagnostics.pop(uri, None)
        self.versions[uri] = 1
        document = {"uri": uri, "languageId": "lispier", "version": 1, "text": text}
        self.notify("textDocument/didOpen", textDocument=document)
        return self.wait_for(name)

    def change(self, name: str, text: str) -> list[dict[str, Any]]:
        """Replace the text; its new diagnostics."""
        self.diagnostics.pop(self.uri(name), None)
        self.type(name, text)
        return self.wait_for(name)

    def type(self, name: str, text: str) -> None:
        """Replace the text and wait for nothing."""
        uri = self.uri(name)
        self.versions[uri] += 1
        self.notify(
            "textDocument/didChange",
            textDocument={"uri": uri, "version": self.versions[uri]},
            contentChanges=[{"text": text}],
        )

    def save(self, name: str) -> list[dict[str, Any]]:
        self.diagnostics.pop(self.uri(name), None)
        self.notify("textDocument/didSave", textDocument={"uri": self.uri(name)})
        return self.wait_for(name)

    def wait_for(self, name: str) -> list[dict[str, Any]]:
        """The next diagnostics of a file."""
        while self.uri(name) not in self.diagnostics:
            self._receive()
        return self.diagnostics[self.uri(name)]

    def at(self, name: str, line: int, column: int) -> dict[str, Any]:
        """A place in a file, from 0."""
        return {
            "textDocument": {"uri": self.uri(name)},
            "position": {"line": line, "character": column},
        }

    def hover(self, name: str, line: int, column: int) -> str:
        found = self.request("textDocument/hover", **self.at(name, line, column))
        return found["contents"]["value"] if found else ""

    def definition(self, name: str, line: int, column: int) -> tuple[str, int, int] | None:
        found = self.request("textDocument/definition", **self.at(name, line, column))
        if found is None:
            return None
        start = found["range"]["start"]
        return found["uri"].rpartition("/")[2], start["line"], start["character"]

    def complete(self, name: str, line: int, column: int) -> dict[str, dict[str, Any]]:
        found = self.request("textDocument/completion", **self.at(name, line, column))
        return {item["label"]: item for item in found}

    def quit(self) -> int:
        self.request("shutdown")
        self.notify("exit")
        return self.process.wait(timeout=20)
