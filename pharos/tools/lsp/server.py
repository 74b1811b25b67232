"""The language server: which request is answered by which part."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from pharos import __version__
from pharos.core.errors import PharosError
from pharos.lisp.format import format_text
from pharos.tools.lsp import mistakes
from pharos.tools.lsp.asking import Analyst
from pharos.tools.lsp.completion import completions
from pharos.tools.lsp.documents import Document
from pharos.tools.lsp.hover import Types, hover
from pharos.tools.lsp.references import meaning
from pharos.tools.lsp.symbols import symbols

# Seconds of quiet after a change before the text is analysed.
_QUIET = 0.3


class Lispier(LanguageServer):
    """A server, what it knows about the open texts, and the analyst behind it."""

    def __init__(self, analyst: Analyst | None = None) -> None:
        super().__init__("lispier", __version__)
        self.analyst = analyst or Analyst()
        self.types: dict[str, Types] = {}
        self._documents: dict[str, Document] = {}
        self._waiting: dict[str, asyncio.Task[None]] = {}
        # The files with diagnostics that the analysis of an open text published, by its URI.
        self._published: dict[str, set[str]] = {}

    def document(self, uri: str) -> Document:
        """The text at ``uri`` as the editor has it, or else as it is on disk."""
        text = self.workspace.get_text_document(uri)
        known = self._documents.get(uri)
        source = text.source
        if known is None or known.text != source:
            known = Document(to_fs_path(uri) or uri, source, self._encoding, uri)
            self._documents[uri] = known
        return known

    def find(self, path: str) -> Document | None:
        """The document at ``path``, None when there is no such file."""
        real = os.path.realpath(path)
        for uri in self.workspace.text_documents:
            if os.path.realpath(to_fs_path(uri) or uri) == real:
                return self.document(uri)
        try:
            text = Path(path).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            return None
        return Document(path, text, self._encoding)

    @property
    def _encoding(self) -> str:
        """What the editor counts columns in."""
        agreed = self.workspace.position_encoding
        return lsp.PositionEncodingKind(agreed).value if agreed else "utf-16"

    # -- analysis -----------------------------------------------------------------------------

    def analyse_soon(self, uri: str, delay: float = _QUIET) -> None:
        """Analyse the text at ``uri`` when it has not changed for ``delay`` seconds."""
        waiting = self._waiting.pop(uri, None)
        if waiting is not None:
            waiting.cancel()
        self._waiting[uri] = asyncio.ensure_future(self._analyse(uri, delay))

    async def _analyse(self, uri: str, delay: float) -> None:
        await asyncio.sleep(delay)
        document = self.document(uri)
        texts = {d.path: d.text for d in map(self.document, list(self.workspace.text_documents))}
        analysis = await self.analyst.ask(do="analyse", path=document.path, texts=texts)
        if uri not in self.workspace.text_documents:
            return
        if "died" in analysis:
            self._publish(uri, {uri: [mistakes.died(analysis["died"], document)]})
            return
        self.types[uri] = Types.of(document.text, analysis["types"])
        self._publish(uri, mistakes.diagnostics(analysis, document, self.find))

    def _publish(self, uri: str, found: dict[str, list[lsp.Diagnostic]]) -> None:
        gone = self._published.get(uri, set()) - set(found)
        self._published[uri] = {file for file, made in found.items() if made or file == uri}
        for file, made in (*found.items(), *((file, []) for file in gone)):
            self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(file, made))

    def forget(self, uri: str) -> None:
        """The text at ``uri`` was closed."""
        waiting = self._waiting.pop(uri, None)
        if waiting is not None:
            waiting.cancel()
        self._documents.pop(uri, None)
        self.types.pop(uri, None)
        self._publish(uri, {uri: []})
        self._published.pop(uri, None)


def serve() -> int:
    """Serve on stdin and stdout until the editor says exit; the exit status."""
    make_server().start_io()
    return 0


def make_server(analyst: Analyst | None = None) -> Lispier:
    """A server that answers everything it can."""
    server = Lispier(analyst)
    for add in (_add_texts, _add_questions, _add_end):
        add(server)
    return server


def _add_texts(server: Lispier) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: lsp.DidOpenTextDocumentParams) -> None:
        server.analyse_soon(params.text_document.uri, 0)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: lsp.DidChangeTextDocumentParams) -> None:
        server.analyse_soon(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    async def saved(params: lsp.DidSaveTextDocumentParams) -> None:
        # Whatever requires the saved file may be right or wrong now.
        for uri in list(server.workspace.text_documents):
            server.analyse_soon(uri, 0)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(params: lsp.DidCloseTextDocumentParams) -> None:
        server.forget(params.text_document.uri)


def _add_questions(server: Lispier) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    async def hovered(params: lsp.HoverParams) -> lsp.Hover | None:
        document = server.document(params.text_document.uri)
        node = document.node_at(params.position)
        types = server.types.get(document.uri)
        text = await hover(document, node, server.find, types, server.analyst.ask)
        if text is None:
            return None
        content = lsp.MarkupContent(lsp.MarkupKind.Markdown, text)
        return lsp.Hover(content, document.range_of(node))

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    def definition(params: lsp.DefinitionParams) -> lsp.Location | None:
        document = server.document(params.text_document.uri)
        found = meaning(document.node_at(params.position), document, server.find)
        if found is None:
            return None
        return lsp.Location(found.document.uri, found.document.range_of(found.node))

    @server.feature(
        lsp.TEXT_DOCUMENT_COMPLETION,
        lsp.CompletionOptions(trigger_characters=["(", ".", "/", ":", "@"]),
    )
    async def completed(params: lsp.CompletionParams) -> list[lsp.CompletionItem]:
        document = server.document(params.text_document.uri)
        offset = document.positions.from_editor(params.position.line, params.position.character)
        node = document.node_at(params.position)
        return await completions(document, node, offset, server.find, server.analyst.ask)

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def outlined(params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
        return symbols(server.document(params.text_document.uri))

    @server.feature(lsp.TEXT_DOCUMENT_FORMATTING)
    def formatted(params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit] | None:
        document = server.document(params.text_document.uri)
        try:
            text = format_text(document.text, document.path)
        except PharosError as error:
            message = f"not formatted: {error.args[0]}"
            server.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Warning, message))
            return None
        if text == document.text:
            return []
        return [lsp.TextEdit(document.range(0, len(document.text)), text)]


def _add_end(server: Lispier) -> None:
    @server.feature(lsp.SHUTDOWN)
    async def end(params: Any) -> None:
        await server.analyst.close()
