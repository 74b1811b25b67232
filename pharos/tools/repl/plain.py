"""Lines from a pipe or a file: no prompt, no echo, forms may go over several lines."""

from __future__ import annotations

from typing import TextIO

from pharos.tools.language.scan import is_blank, is_complete


class PlainReader:
    """Collects lines until they are whole forms. At the end, what there is counts as whole."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def read(self) -> str | None:
        """The next input; None at the end of the stream."""
        text = ""
        for line in iter(self._stream.readline, ""):
            text += line
            if is_complete(text) and not is_blank(text):
                return text
        return text or None
