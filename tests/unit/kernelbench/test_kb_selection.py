"""Words on the command line name problems: files, levels, numbers, names, all of them."""

from __future__ import annotations

import pytest

from pharos.core.errors import UserError
from pharos.kernelbench.selection import Task, public_suite, select

SUITE = (
    Task("level1/1", "Square_matrix_multiplication_"),
    Task("level1/2", "Standard_matrix_multiplication_"),
    Task("level1/10", "ReLU"),
    Task("level3/9", "ResNet18"),
)


def keys(*words):
    return [task.key for task in select(words, lambda: SUITE)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["level1"], ["level1/1", "level1/2", "level1/10"]),
        (["level1/10"], ["level1/10"]),
        (["level1/2-10"], ["level1/2", "level1/10"]),
        (["level3/resnet18"], ["level3/9"]),
        (["square matrix-multiplication"], ["level1/1"]),
        (["level3", "level1/1", "level3/9"], ["level3/9", "level1/1"]),
        (["all"], ["level1/1", "level1/2", "level1/10", "level3/9"]),
    ],
)
def test_words_name_problems(words, expected):
    assert keys(*words) == expected


def test_an_unknown_word_gets_the_nearest_name():
    with pytest.raises(UserError) as caught:
        keys("level3/resnet81")
    assert "expected a problem, found 'level3/resnet81'" in caught.value.message
    assert "level3/ResNet18" in caught.value.hint


def test_a_file_is_a_problem_and_asks_for_no_suite(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("")

    def no_suite():
        raise AssertionError("not needed")

    (task,) = select([str(path)], no_suite)
    assert (task.key, task.name, task.path) == (str(path), "mine", path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        select([str(tmp_path / "none.py")], lambda: SUITE)


@pytest.mark.parametrize("inside", [".", "KernelBench"])
def test_a_checkout_is_listed_by_number(tmp_path, inside):
    level = tmp_path / inside / "level1"
    level.mkdir(parents=True)
    for name in ("10_ReLU.py", "2_B.py", "notes.txt", "__init__.py"):
        (level / name).write_text("")
    found = public_suite(tmp_path)
    assert [(task.key, task.name) for task in found] == [("level1/2", "B"), ("level1/10", "ReLU")]
    assert found[0].path == level / "2_B.py"


def test_a_folder_without_levels_is_refused(tmp_path):
    with pytest.raises(UserError, match="expected a checkout with level1 to level3"):
        public_suite(tmp_path)
