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
    from typer.exceptions import Abort, TyperException

    from aigc_course.cli.app import app
    from aigc_course.cli.chinese import usage_error
except ModuleNotFoundError as missing:
    if (missing.name or "").split(".")[0] == "aigc_course":
        raise
    sys.exit("✗ " + _how_to_install(missing))

from aigc_course.errors import CourseError

for _name in ("learn", "check", "texts", "write", "teach"):  # as --help lists them
    importlib.import_module("aigc_course.cli." + _name)


def main() -> None:
    """Run the command; expected failures become one line and exit code 1, misuse 2."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console without ✓ must not stop the command
    sys.argv[1:] = _spelled_out(sys.argv[1:])
    try:
        sys.exit(app(prog_name="aigc", standalone_mode=False) or 0)
    except Abort:  # a question that was answered with Ctrl-C or Ctrl-D
        _fail("没有做完 → 再来一次")
    except TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            sys.exit(2)  # the help page has been printed
        print("✗ " + usage_error(error, sys.argv[1:]), file=sys.stderr)
        sys.exit(2)
    except CourseError as error:
        _fail(error.line())
    except KeyboardInterrupt:
        sys.exit(130)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "aigc_course":
            raise
        _fail(_how_to_install(error))


def _spelled_out(words: list[str]) -> list[str]:
    """Other ways of asking for help and for the version.

    Example:
        >>> _spelled_out(["help"]), _spelled_out(["help", "data", "show"]), _spelled_out(["-V"])
        (['--help'], ['data', 'show', '--help'], ['version'])
    """
    if words[:1] == ["help"]:
        return [*words[1:], "--help"]
    if words[:1] in (["--version"], ["-V"]):
        return ["version"]
    return words


def _fail(text: str) -> None:
    print("✗ " + text, file=sys.stderr)
    sys.stderr.flush()
    sys.exit(1)


if __name__ == "__main__":
    main()
