# ruff: noqa: E501, SIM117 - attackers' programs, quoted as they are
"""Notebooks that attack as files: damaged, edited, forged, huge, or no files at all."""

from __future__ import annotations

import io
import json
import os
import pickle
import socket
import stat
import zipfile
from pathlib import Path
from typing import Any

from tests.hostile.attack import (
    BOOK,
    FULL,
    Attack,
    Notebook,
    Scene,
    as_bytes,
    cell_of,
    solved,
    student_notebook,
)

NAME = f"{BOOK}.ipynb"
WRONG = "def sigmoid(z):\n    return z * 0 + 0.25\n"
PRAISE = "✓ 练习 01.1 不会溢出的 sigmoid：通过（7 项检查，2 分）"


def _code(source: str, id: str = "", grade_id: str = "") -> dict[str, Any]:
    metadata = {"nbgrader": {"grade_id": grade_id, "solution": True}} if grade_id else {}
    return {
        "cell_type": "code",
        "execution_count": 1,
        "id": id or "added",
        "metadata": metadata,
        "outputs": [],
        "source": source,
    }


def deleted_cell(book: Notebook) -> Notebook:
    book["cells"] = [cell for cell in book["cells"] if cell["id"] != "ex-01-1"]
    return book


def deleted_all_ids(book: Notebook) -> Notebook:
    for k, cell in enumerate(book["cells"]):
        cell["id"] = f"c{k}"
        cell["metadata"] = {}
    return book


def edited_check(book: Notebook) -> Notebook:
    cell_of(book, "ex-01-1")["source"] = WRONG
    cell_of(book, "check-01-1")["source"] = f"print({PRAISE!r})\nTrue"
    return book


def check_of_something_else(book: Notebook) -> Notebook:
    cell_of(book, "ex-01-1")["source"] = WRONG
    cell_of(book, "check-01-1")["source"] = (
        'import scipy.special\ncheck("01.1", scipy.special.expit)'
    )
    return book


def duplicated_cells(book: Notebook) -> Notebook:
    """A wrong one first, then the right one, then a stub; the check twice."""
    at = next(k for k, cell in enumerate(book["cells"]) if cell["id"] == "ex-01-1")
    right = book["cells"][at]
    stub = cell_of(student_notebook(), "ex-01-1")
    wrong = {**right, "source": WRONG}
    book["cells"][at : at + 1] = [wrong, right, stub]
    book["cells"] += [dict(cell_of(book, "check-01-1"))] * 3
    return book


def last_is_wrong(book: Notebook) -> Notebook:
    book["cells"].append({**cell_of(book, "ex-01-1"), "source": WRONG})
    return book


def reversed_cells(book: Notebook) -> Notebook:
    book["cells"].reverse()
    return book


def stub_with_praise(book: Notebook) -> Notebook:
    """No answer, but outputs as of a right one, stored under every cell."""
    stub = cell_of(student_notebook(), "ex-01-1")["source"]
    cell_of(book, "ex-01-1")["source"] = stub
    for id in ("check-01-1", "ex-01-1"):
        cell_of(book, id)["outputs"] = [
            {
                "output_type": "execute_result",
                "execution_count": 1,
                "metadata": {},
                "data": {"text/plain": PRAISE, "text/html": f"<script>alert(1)</script>{PRAISE}"},
            }
        ]
    return book


def forged_points(book: Notebook) -> Notebook:
    cell_of(book, "ex-01-1")["source"] = WRONG
    for cell in book["cells"]:
        grading = cell["metadata"].get("nbgrader")
        if grading:
            grading.update(points=204, grade=True, locked=False, solution=False, schema_version=99)
            grading["score"] = 204
    book["metadata"]["nbgrader"] = {"score": 204, "max_score": 5}
    return book


def transformer_cells(book: Notebook) -> Notebook:
    """No answer, but cells that would put one in its place."""
    cell_of(book, "ex-01-1")["source"] = cell_of(student_notebook(), "ex-01-1")["source"]
    book["cells"].insert(
        0,
        _code(
            "ip = get_ipython()\n"
            "ip.input_transformers_post.append(lambda lines: [l.replace('raise', 'return 1 or') for l in lines])\n"
            "ip.events.register('post_run_cell', lambda *a: None)\n"
            "%load_ext autoreload\n!touch /tmp/@MARK@\n"
        ),
    )
    book["cells"].append(_code("%%bash\nrm -rf ~\n"))
    return book


def as_markdown(book: Notebook) -> Notebook:
    cell_of(book, "ex-01-1")["cell_type"] = "markdown"
    return book


def raw_everything(book: Notebook) -> Notebook:
    cell = cell_of(book, "ex-01-1")
    cell.clear()
    cell.update(cell_type=7, id="ex-01-1", metadata=None, source="def sigmoid(z): pass", outputs=3)
    return book


def truncated(book: Notebook) -> bytes:
    return as_bytes(book)[:-1500]


def empty(book: Notebook) -> bytes:
    return b""


def nested(book: Notebook) -> bytes:
    return b'{"cells": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"


def nested_objects(book: Notebook) -> bytes:
    return b'{"cells": [], "x": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}"


def huge_number(book: Notebook) -> bytes:
    return as_bytes(book)[:-1] + b', "x": ' + b"9" * 1_000_000 + b"}"


def many_cells(book: Notebook) -> Notebook:
    book["cells"] += [_code("x = 1", id=f"x{k}") for k in range(6000)]
    return book


def million_brackets(book: Notebook) -> bytes:
    return as_bytes(book)[:-1] + b', "x": [' + b"[]," * 2_000_000 + b"0]}"


def huge_code(book: Notebook) -> Notebook:
    book["cells"] += [_code("x = 1\n" * 10_000, id=f"x{k}") for k in range(20)]
    return book


def thirty_megabytes(book: Notebook) -> bytes:
    return as_bytes(book) + b" " * (30 << 20)


def not_text(book: Notebook) -> bytes:
    return as_bytes(book).replace("练".encode(), b"\xff\xfe\x80")


def utf16(book: Notebook) -> bytes:
    return as_bytes(book).decode().encode("utf-16")


def sources_of_numbers(book: Notebook) -> Notebook:
    cell_of(book, "ex-01-1")["source"] = [1, None, {"a": 2}]
    return book


def surrogates_in_the_source(book: Notebook) -> bytes:
    cell_of(book, "ex-01-1")["source"] = (
        'X = "\ud800\0"\ndef sigmoid(z):\n    return z * 0 + 0.25\n'
    )
    return json.dumps(book).encode("ascii")


def other_kernel(book: Notebook) -> Notebook:
    book["metadata"]["kernelspec"] = {"name": "ir", "language": "R", "display_name": "R"}
    book["metadata"]["language_info"] = {"name": "R"}
    return book


def other_notebook(book: Notebook) -> Notebook:
    return solved("02_losses")


def a_pickle(book: Notebook) -> bytes:
    class Bomb:
        def __reduce__(self) -> Any:
            return os.system, ("touch /tmp/unpickled-by-the-grader",)

    return pickle.dumps(Bomb())


def web_page(book: Notebook) -> bytes:
    return b"<!DOCTYPE html><html><script>alert(1)</script></html>"


def script_in_open_answer(book: Notebook) -> Notebook:
    cell_of(book, "open-01-q1")["source"] = (
        "<script>alert(1)</script> [x](javascript:alert(2)) $\\href{javascript:alert(3)}{x}$ "
        "![](http://127.0.0.1/x.png) {{ 7*7 }} \x1b[31m <img src=x onerror=alert(4)>"
    )
    return book


# --- in place of a notebook ------------------------------------------------------------------------


def link_to_the_source(folder: Path, scene: Scene) -> None:
    (folder / NAME).symlink_to(scene.root / "source" / "ps1" / NAME)


def link_to_a_classmate(folder: Path, scene: Scene) -> None:
    folder.rmdir()
    folder.symlink_to(scene.root / "submitted" / "honest1" / "ps1", target_is_directory=True)


def link_to_zero(folder: Path, scene: Scene) -> None:
    (folder / NAME).symlink_to("/dev/zero")


def link_to_itself(folder: Path, scene: Scene) -> None:
    (folder / NAME).symlink_to(folder / NAME)


def a_pipe(folder: Path, scene: Scene) -> None:
    os.mkfifo(folder / NAME)


def a_socket(folder: Path, scene: Scene) -> None:
    before = os.getcwd()
    os.chdir(folder)  # the name of a socket may not be long
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(NAME)
    finally:
        os.chdir(before)


def a_device(folder: Path, scene: Scene) -> None:
    try:
        os.mknod(folder / NAME, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except OSError:  # only root may, and not everywhere
        os.mkfifo(folder / NAME)


def a_folder(folder: Path, scene: Scene) -> None:
    (folder / NAME).mkdir()


def sparse_line_of_200_mb(folder: Path, scene: Scene) -> None:
    """Sparse: it takes no room on the disk, only in the memory of whoever reads it."""
    with open(folder / NAME, "wb") as file:
        file.write(b'{"cells": [{"cell_type": "code", "source": "')
        file.truncate(200_000_000)


def sparse_nothing(folder: Path, scene: Scene) -> None:
    with open(folder / NAME, "wb") as file:
        file.truncate(15_000_000)


def zip_bomb(folder: Path, scene: Scene) -> None:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(NAME, "w", force_zip64=True) as file:
            for _ in range(300):
                file.write(b" " * (1 << 20))
    (folder / "answer.zip").write_bytes(memory.getvalue())


def zip_that_climbs_out(folder: Path, scene: Scene) -> None:
    with zipfile.ZipFile(folder / "answer.zip", "w") as archive:
        archive.writestr(f"../../honest1/ps1/{NAME}", b"{}")
        archive.writestr(str(scene.outside / scene.mark), b"x")


def change(name: str, tries: str, how: Any, **wanted: Any) -> Attack:
    return Attack(name, tries, change=how, **wanted)


def place(name: str, tries: str, how: Any, **wanted: Any) -> Attack:
    return Attack(name, tries, place=how, **wanted)


_DAMAGED: dict[str, Any] = {
    "ends": "ungraded",
    "score": None,
    "status": "damaged file",
    "total": None,
}
_WRONG: dict[str, Any] = {"ends": "ungraded", "score": None, "status": "wrong file", "total": None}
_FULL: dict[str, Any] = {"ends": "passed", "score": 2.0, "total": FULL}
_OPEN: dict[str, Any] = {"ends": "unanswered", "status": "partly answered"}

ALL = [
    change("deleted_cell", "the answer's cell is gone", deleted_cell, **_OPEN),
    change("deleted_all_ids", "no cell has its id or metadata", deleted_all_ids, **_FULL),
    change("edited_check", "the check prints praise instead", edited_check),
    change(
        "check_of_something_else", "the check is given another function", check_of_something_else
    ),
    change(
        "duplicated_cells",
        "wrong, right and stub under one id, the check four times",
        duplicated_cells,
        **_FULL,
    ),
    change("last_is_wrong", "a second answer at the end, which is wrong", last_is_wrong),
    change("reversed_cells", "all cells in the reverse order", reversed_cells, **_FULL),
    change(
        "stub_with_praise",
        "stored outputs of a right answer under a stub",
        stub_with_praise,
        **_OPEN,
    ),
    change("forged_points", "204 points in the metadata", forged_points),
    change(
        "transformer_cells",
        "cells that would rewrite the stub, shell magics",
        transformer_cells,
        **_OPEN,
    ),
    change("as_markdown", "the answer's cell made a text cell", as_markdown, **_FULL),
    change("raw_everything", "a cell of the wrong types", raw_everything),
    change("truncated", "the end of the file is missing", truncated, **_DAMAGED),
    change("empty", "no bytes", empty, **_DAMAGED),
    change("nested", "JSON nested 200,000 deep", nested, **_DAMAGED),
    change("nested_objects", "objects nested 100,000 deep", nested_objects, **_DAMAGED),
    change("huge_number", "a number of a million digits", huge_number, **_DAMAGED),
    change("many_cells", "6,000 cells more", many_cells, **_DAMAGED),
    change("million_brackets", "two million empty lists", million_brackets, **_DAMAGED),
    change("huge_code", "a million characters of code", huge_code, **_DAMAGED),
    change("thirty_megabytes", "30 MB of blanks", thirty_megabytes, **_DAMAGED),
    change("not_text", "bytes that are no UTF-8", not_text, **_DAMAGED),
    change("utf16", "another encoding", utf16, **_DAMAGED),
    change("sources_of_numbers", "a cell whose text is no text", sources_of_numbers, **_DAMAGED),
    change(
        "surrogates_in_the_source",
        "half a character and NUL in the source",
        surrogates_in_the_source,
    ),
    change("other_kernel", "the kernel of another language", other_kernel, **_WRONG),
    change("other_notebook", "the notebook of another chapter", other_notebook, **_WRONG),
    change("a_pickle", "a pickle that would run a command", a_pickle, **_DAMAGED),
    change("web_page", "an HTML page", web_page, **_WRONG),
    change(
        "script_in_open_answer",
        "HTML and script in the open answer",
        script_in_open_answer,
        **_FULL,
    ),
    place("link_to_the_source", "a symbolic link to the solutions", link_to_the_source, **_WRONG),
    place(
        "link_to_a_classmate",
        "its folder is a link to a classmate's",
        link_to_a_classmate,
        **_WRONG,
    ),
    place("link_to_zero", "a symbolic link to /dev/zero", link_to_zero, **_WRONG),
    place("link_to_itself", "a symbolic link to itself", link_to_itself, **_WRONG),
    place("a_pipe", "a pipe that nobody writes to", a_pipe, **_WRONG),
    place("a_socket", "a socket", a_socket, **_WRONG),
    place("a_device", "a device", a_device, **_WRONG),
    place(
        "a_folder",
        "a folder called like the notebook",
        a_folder,
        ends=None,
        score=None,
        status="missing",
        total=None,
    ),
    place("sparse_line_of_200_mb", "one line of 200 MB, sparse", sparse_line_of_200_mb, **_DAMAGED),
    place("sparse_nothing", "15 MB of NUL", sparse_nothing, **_DAMAGED),
    place("zip_bomb", "300 MB in a small ZIP", zip_bomb, **_DAMAGED),
    place(
        "zip_that_climbs_out",
        "a ZIP with paths that leave the folder",
        zip_that_climbs_out,
        **_DAMAGED,
    ),
]
