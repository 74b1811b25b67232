from __future__ import annotations

import pytest
from lsp_editor import Editor


@pytest.fixture(scope="module")
def editor(tmp_path_factory):
    made = Editor(tmp_path_factory.mktemp("lsp"))
    yield made
    if made.process.poll() is None:
        made.quit()
