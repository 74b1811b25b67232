"""Mistakes on the command line of kernel-bench are one message each."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected a PROBLEM, or --run DIR"),
        (["good.py", "--dtype", "f31"], "--dtype: expected f32 or bf16 or f16 or f64, found 'f31'"),
        (["good.py", "--mode", "test"], "--mode: expected train or eval, found 'test'"),
        (["good.py", "--compare", "inductr"], "did you mean 'inductor'?"),
        (["good.py", "--target", "cpuu"], "expected a target among cpu"),
        (["good.py", "--init-args", "[1, (2"], "--init-args: expected a list"),
        (["good.py", "--set", "features"], "--set: expected NAME=VALUE"),
        (["good.py", "--input", "2xf33x1"], "item 0: expected a size or an element type"),
        (["good.py", "--pipeline", "a", "--stage", "b"], "expected --pipeline or --stage"),
        (["--kernelbench", ".", "level1"], "expected a checkout with level1 to level3"),
        (["good.py", "--plan", "none"], "--plan: no such file or folder: none"),
        (["none.py"], "no such file: none.py"),
        (["--run", "none"], "expected the folder of a run, found no none/run.json"),
    ],
)
def test_mistakes_are_one_message(pharos, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.py").write_text("")
    done = pharos("kernel-bench", *arguments)
    assert done.status not in (0, 3)
    assert message in done.err and "Traceback" not in done.err
    assert not (tmp_path / "pharos-runs").exists()
