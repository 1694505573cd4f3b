"""The notebooks as documents: what a reader without a kernel sees, and what others rely on."""

import ast
import re
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest

from aigc_course.authoring.new_lesson import TO_WRITE
from aigc_course.authoring.notebooks import (
    EXEMPT_TAG,
    MAX_BYTES,
    facts,
    normalise,
    problems,
    repository_notebooks,
)
from aigc_course.authoring.pictures import is_blank, pictures
from aigc_course.authoring.student import student_version
from aigc_course.exercises import get, registered

FOLDER = Path(__file__).parents[2] / "notebooks"
REPOSITORY = FOLDER.parent
LISTED = re.findall(
    r"^\| \[`(\d\d_\w+)`\]\(notebooks/\1\.ipynb\) \|",
    (REPOSITORY / "README.md").read_text(encoding="utf-8"),
    re.M,
)
HEADER = ["学习目标", "先修", "预计用时", "运行时间", "数据"]
ENDING = ["小结", "术语表", "延伸阅读"]
BANNED = [
    "在本节中",
    "本节将",
    "让我们",
    "我们将深入",
    "恭喜你",
    "难道",
    "由于篇幅",
    "请读者自行",
    "众所周知",
    "显而易见",
    "！",
]
EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u26ff]")


def prose(notebook):
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def without_code(markdown):
    return re.sub(r"```.*?```|`[^`\n]*`", "", markdown, flags=re.DOTALL)


def test_what_the_readme_lists_is_there():
    there = [p.stem for p in repository_notebooks(FOLDER).values()]
    assert sorted(set(LISTED)) == LISTED, "README 的“内容”表要按章号排，每章一行"
    assert [name for name in LISTED if name not in there] == []


def test_every_finished_lesson_is_in_the_readme(path, notebook):
    left = sum(cell.source.count(TO_WRITE) for cell in notebook.cells)
    if left:
        assert path.stem not in LISTED, f"README 里已有这一章，却还有 {left} 处{TO_WRITE}"
    else:
        line = f"| [`{path.stem}`](notebooks/{path.name}) | 学什么 | 看到什么 |"
        assert path.stem in LISTED, f"README 的“内容”表缺一行：{line}"


def test_what_a_card_says_to_type_is_defined(notebook):
    """A failing card ends with hint("03.1"); the first cell that imports ``check`` has it too."""
    first = next(
        cell.source for cell in code_cells(notebook) if "exercises import check" in cell.source
    )
    (line,) = [line for line in first.splitlines() if "exercises import check" in line]
    assert {"check", "hint", "solution"} <= set(re.findall(r"\w+", line))


def test_a_lesson_is_a_notebook_exercises_and_their_tests(path):
    exercises = sorted((REPOSITORY / "aigc_course" / "exercises").glob("ex[0-9][0-9].py"))
    tests = sorted((REPOSITORY / "tests" / "exercises").glob("test_ex[0-9][0-9].py"))
    assert f"ex{path.name[:2]}" in [one.stem for one in exercises]
    assert [f"test_{one.stem}" for one in exercises] == [one.stem for one in tests]


def test_header(notebook):
    first = notebook.cells[0]
    assert first.cell_type == "markdown" and first.source.startswith("# ")
    top = "\n".join(cell.source for cell in notebook.cells[:3] if cell.cell_type == "markdown")
    assert [word for word in HEADER if word not in top] == []
    assert "CPU" in top and "GPU" in top


def test_ending(path, notebook):
    text = prose(notebook)
    assert [word for word in ENDING if not re.search(rf"^#+ .*{word}", text, re.M)] == []
    glossary = text[text.index("术语表") :]
    assert glossary.count("\n|") >= 7, "术语表要是一张表，至少 5 个词"
    assert re.search(r"\b(19|20)\d\d\b", text[text.index("延伸阅读") :]), "延伸阅读要有年份"
    following = f"{int(path.name[:2]) + 1:02d}"
    if following in repository_notebooks(FOLDER):
        assert following in text[text.index("小结") :], f"没有指向第 {following} 章"


def test_voice(notebook):
    text = without_code(prose(notebook))
    assert [word for word in BANNED if word in text] == []
    assert EMOJI.findall(text) == []
    assert len(re.findall(r"[\u4e00-\u9fff]", text)) >= 1500


def test_exercises(path, notebook):
    chapter = path.name[:2]
    known = {ex.id: ex for ex in registered(chapter)}
    assert len(known) >= 3
    by_id = {cell.id: cell for cell in notebook.cells}
    headings = prose(notebook)
    for number, ex in known.items():
        dashed = number.replace(".", "-")
        answer, graded = by_id[f"ex-{dashed}"], by_id[f"check-{dashed}"]
        assert answer.source.count("### BEGIN SOLUTION") >= 1
        assert graded.metadata.nbgrader.points == ex.points, f"{number}: 分数不一致"
        assert f'check("{number}"' in graded.source
        assert re.search(rf"^#+ .*{re.escape(number)}", headings, re.M), f"{number} 没有标题"
        assert any(
            f"✓ 练习 {number}" in str(output.get("data", {}).get("text/plain", ""))
            for output in graded.outputs
        ), f"{number}: 参考答案没有通过自己的检查"
    checked = {c.id for c in code_cells(notebook) if c.metadata.get("nbgrader", {}).get("grade")}
    assert checked == {f"check-{number.replace('.', '-')}" for number in known}
    with pytest.raises(KeyError, match=chapter):
        get(f"{chapter}.99")


def test_open_question_with_a_rubric(notebook):
    graded = [
        cell
        for cell in notebook.cells
        if cell.cell_type == "markdown" and cell.metadata.get("nbgrader", {}).get("grade")
    ]
    assert graded, "没有人工评分的开放题"
    for cell in graded:
        assert cell.metadata.nbgrader.points > 0 and "### BEGIN SOLUTION" in cell.source
        before = notebook.cells[notebook.cells.index(cell) - 1]
        assert "分" in before.source, f"{cell.id}: 题目前没有评分标准"


def test_stored_state(path, notebook):
    assert problems(notebook) == []
    assert nbformat.writes(normalise(notebook)) == nbformat.writes(notebook), "运行 aigc notebooks"
    assert path.stat().st_size < MAX_BYTES
    assert b"\r\n" not in path.read_bytes()


def test_exempt_cells(path, notebook):
    assert facts(path).exempt_share <= 0.2
    cells = code_cells(notebook)
    for k, cell in enumerate(cells):
        assert "NBVAL" not in cell.source.upper(), f"{cell.id}: 用标签，不用注释"
        if EXEMPT_TAG in cell.metadata.get("tags", []):
            near = cells[k : k + 3]  # its own are run, too: only its output is not compared
            assert any(re.search(r"^\s*assert ", c.source, re.M) for c in near), (
                f"{cell.id}: 豁免的格子里或后面要有断言"
            )


def test_pictures(notebook):
    found = [(c.id, p) for c in code_cells(notebook) for p in pictures(c.outputs)]
    assert len(found) >= 3
    for cell_id, picture in found:
        assert not is_blank(picture), f"{cell_id}: 空白图片"
        assert re.search(r"[\u4e00-\u9fff]", picture.alt), f"{cell_id}: 没有中文替代文字"


def test_nothing_remote_and_links_resolve(path, notebook):
    text = prose(notebook)
    assert not re.search(r"!\[[^\]]*\]\(\s*https?:|<(img|iframe|script)[^>]+https?:", text)
    for cell in code_cells(notebook):
        for output in cell.outputs:
            html = "".join(output.get("data", {}).get("text/html", ""))
            assert not re.search(r"(src|href)\s*=\s*[\"']?https?:", html), cell.id
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(text)):
        if not re.match(r"https?:|mailto:|#", target):
            file = path.parent / unquote(target.split("#")[0])
            assert file.exists(), f"链接 {target} 指向不存在的文件"


def test_cells_are_readable(notebook):
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    for cell in notebook.cells:
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", cell.id), cell.id
        assert not re.fullmatch(r"[0-9a-f]{8}(-.*)?", cell.id), f"{cell.id}: 取个看得懂的名字"
    for cell in code_cells(notebook):
        assert cell.source.count("\n") < 60, f"{cell.id}: 超过 60 行"


def test_mathematics_is_balanced(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = without_code(cell.source).replace(r"\$", "")
            assert text.count("$$") % 2 == 0, f"{cell.id}: $$ 不成对"
            assert text.replace("$$", "").count("$") % 2 == 0, f"{cell.id}: $ 不成对"


def test_student_version_hides_every_solution(notebook):
    student = {cell.id: cell for cell in student_version(notebook).cells}
    for cell in notebook.cells:
        solution = re.findall(
            r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", cell.source, flags=re.DOTALL
        )
        left = student[cell.id].source
        assert "SOLUTION" not in left
        if cell.cell_type == "code" and solution:
            ast.parse(left)
            top = [n for n in ast.parse(left).body if isinstance(n, ast.Raise)]
            assert not top, f"{cell.id}: 学生版会在这一格停下，把答案写进函数里"
        for block in solution:
            lines = [ln.strip() for ln in block.splitlines() if len(ln.strip()) > 12]
            assert all(ln not in left.splitlines() for ln in lines)
        if cell.cell_type == "code":
            assert student[cell.id].outputs == []


def test_the_map_of_lesson_00_says_what_is_written():
    lessons = repository_notebooks(FOLDER)
    cells = {cell.id: cell for cell in nbformat.read(lessons["00"], as_version=4).cells}
    map_cell, table = cells["map"], cells["map-table"].source

    (parts,) = (
        ast.literal_eval(node.value)
        for node in ast.parse(map_cell.source).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "parts"
    )
    chapters = {}
    for _, span, _, _ in parts.values():
        chapters[span] = {f"{n:02d}" for n in range(int(span[:2]), int(span[-2:]) + 1)}
    assert sorted(set().union(*chapters.values())) == [f"{n:02d}" for n in range(35)]
    written = "、".join(span for span, numbers in chapters.items() if numbers <= set(lessons))
    (alt,) = (output["data"]["text/plain"] for output in map_cell.outputs if "data" in output)
    assert f"第 {written} 章；" in alt, "第 00 章的地图要重画：aigc notebooks 00"

    others = [path.stem for number, path in lessons.items() if number != "00"]
    unlinked = [name for name in others if f"[{name}]({name}.ipynb)" not in table]
    assert unlinked == [], "第 00 章的地图下面那张表缺这几章"
