"""Entry point of ``aigc``.

Every Python 3 must be able to read this file, so that one that is too old can be told so instead
of stumbling over syntax: no newer syntax here, and nothing imported before the check.
"""

import sys


def _too_old(version):  # type: ignore[no-untyped-def]
    if tuple(version[:2]) >= (3, 11):
        return ""
    return "这是 Python %d.%d，课程要 3.11 以上 → 装一个新的，再用它：python3.11 -m aigc_course" % (
        version[0],
        version[1],
    )


def _how_to_install(missing):  # type: ignore[no-untyped-def]
    return "缺少软件包 %s → %s -m pip install -r requirements.lock" % (missing.name, sys.executable)


if _too_old(sys.version_info):
    sys.exit("✗ " + _too_old(sys.version_info))

import importlib

try:
    from aigc_course.cli.app import app
except ModuleNotFoundError as missing:
    if (missing.name or "").split(".")[0] == "aigc_course":
        raise
    sys.exit("✗ " + _how_to_install(missing))

from aigc_course.errors import CourseError

for _name in ("learn", "check", "write", "teach"):  # as --help lists them
    importlib.import_module("aigc_course.cli." + _name)


def main() -> None:
    """Run the command; expected failures become one line and exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console without ✓ must not stop the command
    if len(sys.argv) < 2 or {"-h", "--help"} & set(sys.argv):
        _chinese_panels()
    try:
        app(prog_name="aigc")
    except CourseError as error:
        _fail(error.line())
    except KeyboardInterrupt:
        sys.exit(130)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "aigc_course":
            raise
        _fail(_how_to_install(error))


def _chinese_panels() -> None:
    from typer import rich_utils

    rich_utils.ARGUMENTS_PANEL_TITLE, rich_utils.OPTIONS_PANEL_TITLE = "参数", "选项"
    rich_utils.COMMANDS_PANEL_TITLE = "命令"


def _fail(text: str) -> None:
    print("✗ " + text, file=sys.stderr)
    sys.stderr.flush()
    sys.exit(1)


if __name__ == "__main__":
    main()
