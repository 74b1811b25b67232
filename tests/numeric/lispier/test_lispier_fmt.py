"""lispier fmt: files in place, standard input, --check, folders, what is left alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UGLY = "( f  x\n)   ; note\n\n\n(g)"
NICE = "(f x)  ; note\n\n(g)\n"


def test_in_place(lispier, file):
    a, b = file("a.lisp", UGLY), file("b.lisp", NICE)
    before = b.stat()
    found = lispier("fmt", "a.lisp", "b.lisp")
    assert (found.status, found.out, found.err) == (0, "", "a.lisp: formatted\n")
    assert a.read_text() == b.read_text() == NICE
    assert b.stat().st_mtime_ns == before.st_mtime_ns and b.stat().st_ino == before.st_ino
    assert lispier("fmt", "a.lisp").err == ""


def test_standard_input(lispier, folder):
    found = lispier("fmt", "-", stdin=UGLY)
    assert (found.status, found.out, found.err) == (0, NICE, "")
    assert list(folder.iterdir()) == []


def test_check_writes_nothing(lispier, file):
    a = file("a.lisp", UGLY)
    file("b.lisp", NICE)
    found = lispier("fmt", "--check", "a.lisp", "b.lisp")
    assert (found.status, found.out) == (1, "")
    assert found.err == "a.lisp: would change\n1 of 2 files would change\n"
    assert a.read_text() == UGLY
    assert lispier("fmt", "--check", "b.lisp").status == 0
    found = lispier("fmt", "--check", "-", stdin=UGLY)
    assert found.status == 1
    assert found.err == "<stdin>: would change\n1 of 1 file would change\n"


def test_folders(lispier, file):
    files = [file(f"sub/{name}", UGLY) for name in ("b.lsp", "a.lisp", "deep/c.lisp")]
    others = [file(name, UGLY) for name in ("sub/a.txt", "sub/.git/d.lisp", "sub/.e.lisp")]
    found = lispier("fmt", "sub")
    assert found.err.splitlines() == [
        f"{name}: formatted" for name in ("sub/a.lisp", "sub/b.lsp", "sub/deep/c.lisp")
    ]
    assert {path.read_text() for path in files} == {NICE}
    assert {path.read_text() for path in others} == {UGLY}


def test_a_mistake_in_one_file_leaves_it_and_does_the_others(lispier, file):
    bad, good = file("a.lisp", "(f\n  (g"), file("b.lisp", UGLY)
    found = lispier("fmt", "a.lisp", "b.lisp", "nowhere.lisp")
    assert found.status == 1
    assert found.err.startswith("a.lisp:2:3: error: unclosed '('")
    assert "b.lisp: formatted\n" in found.err
    assert "error: file not found: nowhere.lisp\n" in found.err
    assert bad.read_text() == "(f\n  (g" and good.read_text() == NICE


def test_permissions_and_links_stay(lispier, file, folder):
    path = file("a.lisp", UGLY)
    path.chmod(0o640)
    (folder / "link.lisp").symlink_to("a.lisp")
    assert lispier("fmt", "link.lisp").status == 0
    assert (folder / "link.lisp").is_symlink()
    assert path.read_text() == NICE
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(item.name for item in folder.iterdir()) == ["a.lisp", "link.lisp"]


def test_line_ends_and_the_byte_order_mark(lispier, folder):
    path = folder / "a.lisp"
    path.write_bytes("\ufeff(f x)\r\n(g)\r\n".encode())
    assert lispier("fmt", "a.lisp").status == 0
    assert path.read_bytes() == b"(f x)\n(g)\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(lispier, file, folder):
    path = file("sub/a.lisp", UGLY)
    path.parent.chmod(0o500)
    found = lispier("fmt", path)
    path.parent.chmod(0o700)
    assert found.status == 1 and "Permission denied" in found.err
    assert path.read_text() == UGLY


def test_a_full_disk_leaves_the_file(lispier, file, monkeypatch):
    path = file("a.lisp", UGLY)

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    found = lispier("fmt", "a.lisp")
    assert found.status == 1
    assert found.err == "error: cannot write a.lisp: No space left on device\n"
    assert path.read_text() == UGLY
    assert [item.name for item in path.parent.iterdir()] == ["a.lisp"]


def test_every_program_of_the_project_is_formatted(lispier):
    files = [
        path
        for folder in ("pharos", "examples", "benchmarks", "docs")
        for path in sorted((ROOT / folder).rglob("*.lisp"))
    ]
    assert ROOT / "pharos/models/gpt2/forward.lisp" in files
    found = lispier("fmt", "--check", *files)
    assert found.err == "" and found.status == 0
