"""What Typer says by itself, in Chinese: help pages, and what is wrong with a command line."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from typer import rich_utils
from typer.core import TyperCommand, TyperGroup

__all__ = ["Command", "Group", "usage_error"]

rich_utils.ARGUMENTS_PANEL_TITLE = "参数"
rich_utils.OPTIONS_PANEL_TITLE = "选项"
rich_utils.COMMANDS_PANEL_TITLE = "命令"
rich_utils.DEFAULT_STRING = "[默认：{}]"
rich_utils.REQUIRED_LONG_STRING = "[必填]"

USAGE = {
    "Usage: ": "用法：",
    "Usage:": "用法：",
    "[OPTIONS]": "[选项]",
    "COMMAND [ARGS]...": "命令 [参数]…",
    "]...": "]…",
}


class _Words:
    """The parts of a help page that Typer has no setting for."""

    def get_usage(self, ctx: Any) -> str:
        text: str = super().get_usage(ctx)  # type: ignore[misc]
        for english, chinese in USAGE.items():
            text = text.replace(english, chinese)
        return text

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.help = "显示这一页。"
        return option


class Command(_Words, TyperCommand):
    """A command whose help page is Chinese."""


class Group(_Words, TyperGroup):
    """A group of commands whose help page is Chinese."""


def usage_error(error: Any, words: Sequence[str]) -> str:
    """One line for a command line that Typer cannot read: what is wrong, and what to type.

    Args:
        error: the exception; most carry Typer's context.
        words: the command line, without the program's name.
    """
    context = error.ctx
    path = " ".join(["aigc", *(word for word in words[:1] if not word.startswith("-"))])
    if context is not None:
        path = context.command_path
    return f"{_cause(error)} → {_suggested(error, path) or f'{path} -h'}"


def _cause(error: Any) -> str:
    message = error.format_message()
    option = getattr(error, "option_name", None)
    named = _name(error)
    match type(error).__name__:
        case "NoSuchOption":
            return f"没有选项 {option}"
        case "MissingParameter":
            return f"缺少{named or '参数'}"
        case "BadOptionUsage" if "does not take" in message:
            return f"选项 {option} 后面不写值"
        case "BadOptionUsage":
            return f"选项 {option} 后面要写一个值"
        case "BadParameter":
            return f"{named} 的值不对：{_why(error.message)}" if named else _why(error.message)
    if message.startswith("No such command"):
        return f"没有命令 {_typed(message)}"
    if message.startswith("Missing command"):
        return "缺少命令"
    if message.startswith("Got unexpected extra argument"):
        return f"多出来的参数：{message.partition('(')[2].partition('(')[2].rstrip(')')}"
    return str(message)


def _suggested(error: Any, path: str) -> str:
    """The nearest thing that exists, ready to be typed; "" if none is near."""
    if type(error).__name__ == "NoSuchOption" and error.possibilities:
        return f"是不是 {'、'.join(error.possibilities)}；全部选项：{path} -h"
    message = error.format_message()
    if message.startswith("No such command"):
        known = [name for name in error.ctx.command.commands if name]
        near = get_close_matches(_typed(message), known, n=2, cutoff=0.5)
        if near:
            return f"是不是 {' 或 '.join(f'{path} {name}' for name in near)}"
    return ""


def _typed(message: str) -> str:
    return message.partition("'")[2].partition("'")[0]


def _name(error: Any) -> str:
    parameter: Any = getattr(error, "param", None)
    if parameter is None:
        return ""
    if parameter.param_type_name == "argument":
        return f"参数 {parameter.metavar or parameter.name}"
    return f"选项 {max(parameter.opts, key=len)}"


def _why(message: str) -> str:
    """Typer's reasons for a value that cannot be used."""
    for english, chinese in {
        "valid integer": "要一个整数",
        "not a valid int": "要一个整数",
        "valid float": "要一个数",
        "number": "要一个数",
        "does not exist": "没有这个文件或文件夹",
        "is a file": "这是一个文件",
        "is a directory": "这是一个文件夹",
        "not readable": "读不了",
        "not writable": "写不了",
    }.items():
        if english in message:
            return chinese
    if "is not one of" in message:
        return f"只能是 {message.partition('is not one of')[2].strip(' .')}"
    return message
