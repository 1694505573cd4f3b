"""``aigc doctor``: look at everything the course rests on, and say what to do about each thing.

Every check is one small function that returns lines; a check that itself breaks becomes a ✗ line,
never a traceback. Levels: ``ok``, ``warn`` (works, worth a look), ``fail`` (put right first).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import locale
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from aigc_course.cli.packages import installed, lock_file, read_lock, runtime_packages
from aigc_course.places import PACKAGE

__all__ = ["Line", "as_json", "as_text", "examine"]

Level = Literal["ok", "warn", "fail"]
SIGNS: dict[Level, str] = {"ok": "✓", "warn": "!", "fail": "✗"}
INSTALL = "python -m pip install -r requirements.lock"


@dataclass(frozen=True)
class Line:
    """What one check found.

    Attributes:
        level: ``ok``, ``warn`` or ``fail``.
        name: what was looked at.
        found: what is there.
        cure: what to do; empty when nothing needs doing.
    """

    level: Level
    name: str
    found: str
    cure: str = ""


def examine(folder: Path) -> list[Line]:
    """Run every check; ``folder`` is the learner's folder, which may not exist yet."""
    lines: list[Line] = []
    checks: list[tuple[str, Callable[[], Iterator[Line]]]] = [
        ("Python", _python),
        ("软件包", _packages),
        ("PyTorch", _torch),
        ("线程", _threads),
        ("字体", _font),
        ("数据", _data),
        ("磁盘", lambda: _disk(folder)),
        ("内存", _memory),
        ("JupyterLab", _jupyter),
        ("编码", _encoding),
        ("学习文件夹", lambda: _folder(folder)),
    ]
    for name, check in checks:
        try:
            lines.extend(check())
        except Exception as error:  # a broken installation must still be reported whole
            text = f"{type(error).__name__}: {error}".splitlines()[0]
            lines.append(Line("fail", name, f"查不了（{text}）", f"重新安装：{INSTALL}"))
    return lines


def as_text(lines: list[Line]) -> str:
    """One line a check, the cure after an arrow, and a sum at the end.

    Example:
        >>> print(as_text([Line("ok", "Python", "3.11.7"), Line("fail", "字体", "不见了", "重装")]))
        ✓ Python：3.11.7
        ✗ 字体：不见了 → 重装
        <BLANKLINE>
        1 项要先解决。
    """
    rows = [
        f"{SIGNS[line.level]} {line.name}：{line.found}" + (f" → {line.cure}" if line.cure else "")
        for line in lines
    ]
    bad = sum(line.level == "fail" for line in lines)
    look = sum(line.level == "warn" for line in lines)
    if bad:
        end = f"{bad} 项要先解决。"
    elif look:
        end = f"可以上课；{look} 项值得看一眼。"
    else:
        end = "都好，可以上课。"
    return "\n".join([*rows, "", end])


def as_json(lines: list[Line]) -> str:
    """The same for programs: ``{"ok": …, "checks": [{level, name, found, cure}, …]}``."""
    ok = not any(line.level == "fail" for line in lines)
    checks = [asdict(line) for line in lines]
    return json.dumps({"ok": ok, "checks": checks}, ensure_ascii=False, indent=1)


# --- Python and packages ---------------------------------------------------------------------


def _python() -> Iterator[Line]:
    found = f"{platform.python_version()}，{sys.executable}"
    bits = 64 if sys.maxsize > 2**32 else 32
    if sys.version_info < (3, 11):  # noqa: UP036 - run from a clone by any Python
        yield Line("fail", "Python", found, "课程要 3.11 以上：装一个新的，重建环境")
    elif bits == 32:
        yield Line("fail", "Python", f"{found}，32 位", "PyTorch 只有 64 位的：装 64 位 Python")
    elif sys.version_info >= (3, 14):
        yield Line("warn", "Python", found, "只在 3.11 到 3.13 上测过；装不上软件包时换 3.13")
    else:
        yield Line("ok", "Python", found)


def _packages() -> Iterator[Line]:
    from packaging.version import Version

    lock = lock_file()
    if lock is None:
        yield Line("warn", "软件包", "锁文件 requirements.lock 不在", "重新取得课程")
        return
    wanted = read_lock(lock.read_text(encoding="utf-8"))
    needed = runtime_packages()
    have = {name: installed(name) for name in wanted}
    missing = [name for name, version in have.items() if version is None]
    other = [
        f"{name} {version}（锁定 {wanted[name]}）"
        for name, version in have.items()
        # torch's "2.13.0+cpu" is 2.13.0 built for another device
        if version is not None and Version(version).public != wanted[name]
    ]
    gone = [name for name in missing if name in needed]
    install = f'"{sys.executable}" -m pip install -r "{lock}"'
    if gone:
        yield Line("fail", "软件包", f"缺 {_few(gone)}", install)
    if other:
        yield Line("warn", "软件包", f"{len(other)} 个与锁文件不同：{_few(other)}", install)
    if not gone and not other:
        extra = f"；写课用的 {len(missing)} 个没装，不影响学" if missing else ""
        right = len(wanted) - len(missing)
        yield Line("ok", "软件包", f"{right} 个，都与锁文件一致{extra}")


def _few(names: list[str]) -> str:
    return "、".join(names[:5]) + (f" 等 {len(names)} 个" if len(names) > 5 else "")


# --- the machine -----------------------------------------------------------------------------


def _torch() -> Iterator[Line]:
    if importlib.util.find_spec("torch") is None:
        yield Line("fail", "PyTorch", "没有安装", INSTALL)
        return
    import torch

    from aigc_course.runtime import device

    where = device()
    total = float(torch.ones(64, 64, device=where).sum())
    text = f"{torch.__version__}，计算设备 {where}"
    if total != 64 * 64:
        cure = "先用 CPU：设环境变量 AIGC_DEVICE=cpu；再更新显卡驱动"
        yield Line("fail", "PyTorch", f"{text}，算出来不对", cure)
        return
    if where.type == "cuda":
        properties = torch.cuda.get_device_properties(where)
        text += f"（{properties.name}，显存 {properties.total_memory / 2**30:.0f} GiB）"
    elif where.type == "cpu" and shutil.which("nvidia-smi"):
        cure = "装带 CUDA 的 PyTorch 和新驱动后会自动用上"
        yield Line("warn", "PyTorch", f"{text}；有 NVIDIA 显卡但没用上", cure)
        return
    yield Line("ok", "PyTorch", text)


def _threads() -> Iterator[Line]:
    import psutil

    from aigc_course.runtime import choose_threads, usable_cores

    cores = usable_cores()
    load = psutil.getloadavg()[0]
    text = f"可用核心 {cores}，课程用 {choose_threads()} 个线程，负载 {load:.1f}"
    if load > cores:
        cure = "机器正忙，训练会慢：关掉别的程序，或等一等"
        yield Line("warn", "线程", text, cure)
    else:
        yield Line("ok", "线程", text)


def _disk(folder: Path) -> Iterator[Line]:
    place = next(part for part in (folder, *folder.parents) if part.exists())
    free = shutil.disk_usage(place).free / 2**30
    text = f"{place} 还有 {free:.1f} GiB"
    if trouble := _cannot_write(place):
        cure = "换一个能写的地方：aigc lab 文件夹"
        yield Line("fail", "磁盘", f"{place} 写不进去（{trouble}）", cure)
    elif free < 0.2:
        yield Line("fail", "磁盘", text, "腾出至少 1 GiB，不然笔记本存不下来")
    elif free < 2:
        yield Line("warn", "磁盘", text, "后面的章节要存模型，最好有 2 GiB 以上")
    else:
        yield Line("ok", "磁盘", text)


def _cannot_write(folder: Path) -> str:
    """Why no file can be made in ``folder``; "" if one can. Tried, since root may do what a
    read-only disk may not."""
    import errno
    from tempfile import TemporaryFile

    try:
        with TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        reasons = {errno.EROFS: "只读", errno.EACCES: "没有权限", errno.ENOSPC: "满了"}
        return reasons.get(error.errno or 0, error.strerror or type(error).__name__)
    return ""


def _memory() -> Iterator[Line]:
    import psutil

    memory = psutil.virtual_memory()
    free = memory.available / 2**30
    text = f"共 {memory.total / 2**30:.1f} GiB，可用 {free:.1f} GiB"
    if free < 0.5:
        yield Line("fail", "内存", text, "关掉别的程序或别的笔记本内核；至少要 1 GiB")
    elif free < 1.5:
        yield Line("warn", "内存", text, "一次只开一个笔记本；用完在“内核”菜单里关掉")
    else:
        yield Line("ok", "内存", text)


# --- what the course brings ------------------------------------------------------------------


def _font() -> Iterator[Line]:
    fonts = PACKAGE / "plots" / "fonts"
    files = sorted([*fonts.glob("*.ttf"), *fonts.glob("*.otf")])
    if not files:
        yield Line("fail", "字体", f"{fonts} 里没有中文字体", "重新取得课程；不然图里的字是方块")
        return
    from matplotlib.ft2font import FT2Font

    font = FT2Font(str(files[0]))
    lost = [char for char in "零到生成模型损失梯度αθ−" if not font.get_char_index(ord(char))]
    if lost:
        cure = "字体文件坏了，重新取得课程"
        yield Line("fail", "字体", f"{files[0].name} 缺字：{''.join(lost)}", cure)
    else:
        yield Line("ok", "字体", f"{files[0].name}，{font.num_glyphs:,} 个字形")


def _data() -> Iterator[Line]:
    from aigc_course import data

    words = {"missing": "不见了", "empty": "是空的", "damaged": "损坏", "unreadable": "读不出来"}
    checks = data.verify()
    for check in checks:
        if not check.ok:
            what = f"{check.item.name} {words.get(check.status, check.status)}"
            yield Line("fail", "数据", what, check.item.restore)
    if all(check.ok for check in checks):
        size = sum(check.found_size for check in checks) / 1e6
        yield Line("ok", "数据", f"{len(checks)} 份，{size:.1f} MB，校验和都对")


def _jupyter() -> Iterator[Line]:
    from jupyter_core.paths import jupyter_path

    version = installed("jupyterlab")
    if version is None:
        yield Line("fail", "JupyterLab", "没有安装", INSTALL)
        return
    yield Line("ok", "JupyterLab", version)
    packs = importlib.metadata.entry_points(group="jupyterlab.languagepack")
    if any(pack.name.replace("-", "_").lower() == "zh_cn" for pack in packs):
        yield Line("ok", "中文界面", f"语言包 {installed('jupyterlab-language-pack-zh-CN')}")
    else:
        cure = "python -m pip install jupyterlab-language-pack-zh-CN；不装则界面是英文"
        yield Line("warn", "中文界面", "语言包没有安装", cure)
    for name, package, folder, without in (
        ("滑块", "ipywidgets", "@jupyter-widgets/jupyterlab-manager", "不装则滑块不显示，图照样看"),
        ("评分", "nbgrader", "@jupyter/nbgrader", "不装则取不掉答案，学习文件夹做不出来"),
    ):
        found = installed(package)
        there = any((Path(p) / "labextensions" / folder).is_dir() for p in jupyter_path())
        if found and there:
            yield Line("ok", name, f"{package} {found}")
        else:
            what = f"{package} 没有安装" if not found else f"{package} 的 JupyterLab 扩展不在"
            cure = f"python -m pip install --force-reinstall {package}；{without}"
            level: Level = "warn" if found or package == "ipywidgets" else "fail"
            yield Line(level, name, what, cure)


def _encoding() -> Iterator[Line]:
    names = {
        "文件名": sys.getfilesystemencoding(),
        "终端": getattr(sys.stdout, "encoding", None) or "未知",
        "系统": locale.getpreferredencoding(False),
    }
    text = "，".join(f"{name} {value}" for name, value in names.items())
    odd = [n for n, v in names.items() if v.lower().replace("-", "") not in ("utf8", "cp65001")]
    if "文件名" in odd:
        yield Line("fail", "编码", text, "设环境变量 PYTHONUTF8=1，重开终端")
    elif odd:
        yield Line("warn", "编码", text, "中文显示成乱码时设环境变量 PYTHONUTF8=1，重开终端")
    else:
        yield Line("ok", "编码", text)


def _folder(folder: Path) -> Iterator[Line]:
    state = folder / ".aigc" / "state.json"
    if folder.exists() and not folder.is_dir():
        yield Line("fail", "学习文件夹", f"{folder} 是一个文件", "移走它，或换一个文件夹")
    elif not state.is_file():
        yield Line("ok", "学习文件夹", f"还没有；aigc lab 会建在 {folder}")
    elif not os.access(folder, os.W_OK):
        yield Line("fail", "学习文件夹", f"{folder} 不可写", "换一个文件夹：aigc lab 文件夹")
    else:
        count = len(list(folder.glob("[0-9][0-9]_*.ipynb")))
        yield Line("ok", "学习文件夹", f"{folder}，{count} 个笔记本")
