"""Show that the net catches: change one small thing in a copy of the course, watch tests fail.

Run it with ``python tests/mutations.py`` (or ``make mutations``); names as arguments choose some.
For each mutation the same command must pass on the untouched copy and fail on the changed one.
The working tree itself is never written to.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SKIP = shutil.ignore_patterns(".venv", ".git", "__pycache__", ".*_cache", "*.egg-info", "我的课程")
NBVAL = [
    "--nbval",
    "-p",
    "aigc_course.authoring.nbval_plus",
    "--nbval-sanitize-with=tests/notebooks/sanitize.cfg",
    "--nbval-cell-timeout=120",
]


SANDBOX = ["tests/classroom/sandbox/test_sandbox.py", "-m", "not slow"]
POLICY = ["tests/test_policy.py"]
FINGERPRINT = ["tests/classroom/grading/test_fingerprint.py"]
IMPORTS = ["tests/test_imports.py"]


@dataclass(frozen=True)
class Mutation:
    """One change, and the tests that must notice it."""

    name: str
    change: Callable[[Path], str]
    tests: list[str]


def _replace(path: Path, old: str, new: str) -> str:
    text = path.read_text(encoding="utf-8")
    if text.count(old) < 1:
        raise SystemExit(f"{path.name}: {old!r} is not there any more; update tests/mutations.py")
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return f"{path.name}: {old} → {new}"


def stored_number(root: Path) -> str:
    """Change the last digit of the first decimal number printed by an unexempt cell."""
    path = root / "notebooks" / "02_losses.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code" or cell["metadata"].get("tags"):
            continue
        for output in cell["outputs"]:
            text = output.get("text", [])
            for k, line in enumerate(text):
                match = re.search(r"\d\.\d+", line)
                if match:
                    old = match.group()
                    new = old[:-1] + str((int(old[-1]) + 1) % 10)
                    text[k] = line.replace(old, new, 1)
                    path.write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf-8")
                    return f"{path.name}, cell {cell['id']}: {old} → {new}"
    raise SystemExit("02_losses prints no decimal number")


def stored_picture(root: Path) -> str:
    """Swap the first two pictures of a notebook: both are real, each in the wrong place."""
    path = root / "notebooks" / "02_losses.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    found = [
        output["data"]
        for cell in notebook["cells"]
        if not cell["metadata"].get("tags")
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    first, second = found[:2]
    first["image/png"], second["image/png"] = second["image/png"], first["image/png"]
    path.write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf-8")
    return f"{path.name}: pictures 1 and 2 swapped"


def data_byte(root: Path) -> str:
    """Flip one bit in the middle of the largest data file."""
    path = max(
        (p for p in (root / "data").iterdir() if p.is_file()), key=lambda p: p.stat().st_size
    )
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    return f"{path.name}: one bit of byte {len(raw) // 2}"


def dead_exercise(root: Path) -> str:
    """Let every judged value pass."""
    judges = root / "aigc_course" / "judging" / "judges" / "arrays.py"
    return _replace(judges, "if not wrong.any():", "if True:")


def engine_formula(root: Path) -> str:
    """Forget the square in the derivative of tanh."""
    ops = root / "aigc_course" / "engine" / "ops" / "activation.py"
    return _replace(ops, "lambda g: (g * (1 - y * y),)", "lambda g: (g * (1 - y),)")


def dead_kernel(root: Path) -> str:
    """Kill the kernel in the middle of a notebook."""
    path = root / "notebooks" / "02_losses.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    code[2]["source"] = ["import os\n", "os._exit(9)"]
    path.write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf-8")
    return f"{path.name}, cell {code[2]['id']}: os._exit(9)"


def judges_in_the_sandbox(root: Path) -> str:
    """Let answers see the whole course."""
    sandbox = root / "aigc_course" / "classroom" / "sandbox" / "sandbox.py"
    return _replace(sandbox, "_PACKAGE / part for part in policy.", "_PACKAGE for part in policy.")


def open_network(root: Path) -> str:
    """Let answers make sockets."""
    confine = root / "aigc_course" / "classroom" / "sandbox" / "confine.py"
    return _replace(confine, "    _seccomp()\n", "")


def open_attributes(root: Path) -> str:
    """Let answers read any attribute of what a judge hands over."""
    proxies = root / "aigc_course" / "classroom" / "sandbox" / "proxies.py"
    return _replace(proxies, "if type(name) is str and name in", "if True or name in")


def nothing_forbidden(root: Path) -> str:
    """Forbid nothing."""
    policy = root / "aigc_course" / "policy.py"
    return _replace(policy, "    if closed and allows:", "    closed = False\n    if closed:")


def open_by_default(root: Path) -> str:
    """Let answers call whatever of the course is not listed anywhere."""
    policy = root / "aigc_course" / "policy.py"
    return _replace(policy, 'return "<locals>" in name and module', "return not module")


def importable_by_default(root: Path) -> str:
    """Let the sandbox import, and show, whatever of the course is not listed anywhere."""
    policy = root / "aigc_course" / "policy.py"
    old = "return leads_there or _is_in(module, known)"
    return _replace(policy, old, "return not _is_in(module, _NEVER) or _is_in(module, known)")


def no_import_hook(root: Path) -> str:
    """Let the fork server refuse no import."""
    server = root / "aigc_course" / "classroom" / "sandbox" / "fork_server.py"
    return _replace(server, "sys.meta_path.insert(0, Clos", "list[object]().insert(0, Clos")


def shallow_fingerprint(root: Path) -> str:
    """Leave out of the fingerprint what lies in folders."""
    task = root / "aigc_course" / "classroom" / "grading" / "task.py"
    return _replace(task, "folder.rglob(pattern)", "folder.glob(pattern)")


def fingerprint_by_list(root: Path) -> str:
    """Leave out of the fingerprint what is new."""
    policy = root / "aigc_course" / "policy.py"
    known = 'path.parts[0] not in ("text", "training") and '
    return _replace(policy, "return not any(path.is_rel", f"return {known}not any(path.is_rel")


def fingerprint_of_all(root: Path) -> str:
    """Let the fingerprint change with what cannot change a mark."""
    policy = root / "aigc_course" / "policy.py"
    return _replace(policy, '    "progress",\n', "")


def engine_needs_runtime(root: Path) -> str:
    """Let the engine import, at the last moment, a part that imports the engine."""
    train = root / "aigc_course" / "engine" / "train.py"
    old = "\ndef count_correct("
    return _replace(train, old, f"\ndef _later():\n    import aigc_course.runtime\n\n{old}")


def classroom_used_elsewhere(root: Path) -> str:
    """Let a part other than the command import the classroom."""
    page = root / "aigc_course" / "progress" / "page.py"
    with page.open("a", encoding="utf-8") as file:
        file.write("from aigc_course.classroom import marks\n")
    return f"{page.name}: imports aigc_course.classroom.marks"


def engine_brings_torch(root: Path) -> str:
    """Let the engine import PyTorch."""
    engine = root / "aigc_course" / "engine" / "__init__.py"
    with engine.open("a", encoding="utf-8") as file:
        file.write("import torch\n")
    return f"{engine.parent.name}: imports torch"


def unescaped(root: Path) -> str:
    """Put students' text into pages as it is."""
    pages = root / "aigc_course" / "classroom" / "report" / "pages.py"
    return _replace(pages, "autoescape=True", "autoescape=False")


MUTATIONS = [
    Mutation("stored-number", stored_number, [*NBVAL, "notebooks/02_losses.ipynb"]),
    Mutation("stored-picture", stored_picture, [*NBVAL, "notebooks/02_losses.ipynb"]),
    Mutation("dead-kernel", dead_kernel, [*NBVAL, "notebooks/02_losses.ipynb"]),
    Mutation("engine-formula", engine_formula, ["tests/engine", "-m", "not slow"]),
    Mutation("data-byte", data_byte, ["tests/data", "-m", "not slow"]),
    Mutation("dead-exercise", dead_exercise, ["tests/exercises"]),
    Mutation("judges-in-the-sandbox", judges_in_the_sandbox, SANDBOX),
    Mutation("open-network", open_network, SANDBOX),
    Mutation("open-attributes", open_attributes, ["tests/classroom/sandbox/test_loopback.py"]),
    Mutation("nothing-forbidden", nothing_forbidden, ["tests/judging/test_forbidden.py"]),
    Mutation("open-by-default", open_by_default, POLICY),
    Mutation("importable-by-default", importable_by_default, POLICY),
    Mutation("no-import-hook", no_import_hook, POLICY),
    Mutation("shallow-fingerprint", shallow_fingerprint, FINGERPRINT),
    Mutation("fingerprint-by-list", fingerprint_by_list, FINGERPRINT),
    Mutation("fingerprint-of-all", fingerprint_of_all, FINGERPRINT),
    Mutation("engine-needs-runtime", engine_needs_runtime, IMPORTS),
    Mutation("classroom-used-elsewhere", classroom_used_elsewhere, IMPORTS),
    Mutation("engine-brings-torch", engine_brings_torch, IMPORTS),
    Mutation("unescaped", unescaped, ["tests/classroom/report/test_feedback.py"]),
]


def run(root: Path, tests: list[str]) -> subprocess.CompletedProcess[str]:
    """Run pytest in ``root`` with that copy's package first on the path."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("AIGC_DATA", None)
    return subprocess.run(
        [*command, "--color=no", *tests],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=900,
        check=False,
    )


def _why(output: str) -> str:
    lines = [line for line in output.splitlines() if re.match(r"(E  |FAILED|ERROR|Cell )", line)]
    return (lines[0] if lines else output.strip().splitlines()[-1]).strip()[:110]


def main(names: list[str]) -> int:
    """Run the chosen mutations (all by default); 0 when every one was caught."""
    chosen = [m for m in MUTATIONS if not names or m.name in names]
    unknown = set(names) - {m.name for m in MUTATIONS}
    if unknown:
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}")
    missed = 0
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        clean = Path(folder) / "clean"
        shutil.copytree(ROOT, clean, ignore=SKIP)
        passed: dict[tuple[str, ...], bool] = {}
        for mutation in chosen:
            key = tuple(mutation.tests)
            if key not in passed:
                control = run(clean, mutation.tests)
                passed[key] = control.returncode == 0
                if not passed[key]:
                    print(f"✗ {mutation.name}: fails without any change: {_why(control.stdout)}")
            if not passed[key]:
                missed += 1
                continue
            changed = Path(folder) / mutation.name
            shutil.copytree(clean, changed)
            what = mutation.change(changed)
            result = run(changed, mutation.tests)
            shutil.rmtree(changed, ignore_errors=True)
            caught = result.returncode == 1  # 1: tests failed; 2 and up: they could not run
            missed += not caught
            print(f"{'✓ caught' if caught else '✗ MISSED'}  {mutation.name}: {what}")
            print(f"    {_why(result.stdout)}", flush=True)
    print(f"{len(chosen) - missed} caught, {missed} missed")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
