"""Raw errors of Python and NumPy, with what they mean in the learner's code and where to look.

The English line stays: it is what one looks up. The gloss below it says what has happened.
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["gloss"]

Match = re.Match[str]
Told = str | Callable[[Match], str]


def gloss(error: str) -> str:
    """What an error such as ``"ValueError: shapes (2,3) and …"`` means; "" for one not known.

    Args:
        error: type and text, as Python shows it.

    Example:
        >>> gloss("TypeError: 'numpy.ndarray' object is not callable")
        '数组后面跟了圆括号：取元素用方括号 a[i]，或者乘号漏写了'
    """
    for pattern, told in _GLOSSES:
        found = pattern.search(error)
        if found:
            return told if isinstance(told, str) else told(found)
    return ""


def _broadcast(found: Match) -> str:
    shapes = [tuple(int(n) for n in re.findall(r"\d+", one)) for one in found[1].split()]
    told = f"形状 {_shapes(found[1])} 不能逐元素相算：从右往左对齐，每一维要相等或有一个是 1"
    if len(shapes) != 2:
        return told
    short, long = sorted(shapes, key=len)
    if len(short) == len(long):
        if short == long[::-1]:
            return f"{told}；一个正好是另一个的转置，多了或少了一个 .T"
        k = next(k for k in range(-1, -len(long) - 1, -1) if short[k] != long[k])
        return f"{told}；倒数第 {-k} 维对不上，先看哪一边的长短不该是这样"
    if short and short == long[: len(short)]:
        return f"{told}；短的那个缺了最后一维，用 keepdims=True 或 [:, None] 补上"
    return f"{told}；先看哪一边的长短不该是这样"


def _core(found: Match) -> str:
    return (
        f"矩阵乘法 A @ B 要 A 的最后一维等于 B 的倒数第二维，这里是 {found[2]} 与 {found[1]}："
        "先写下两边的形状，多半少了或多了一个 .T"
    )


def _aligned(found: Match) -> str:
    return (
        f"矩阵乘法里 {found[1]} 与 {found[2]} 接不上：左边的最后一维要等于右边的第一维，"
        "多半少了或多了一个 .T"
    )


def _shapes(text: str) -> str:
    return "与".join(f" {one} " for one in text.split()).strip()


_FORGOTTEN = (
    "有一个量是 None：是没有给的参数，还是算它的函数忘了 return、"
    "用了 a = b.sort() 这样不返回结果的写法？"
)

_GLOSSES: list[tuple[re.Pattern[str], Told]] = [
    (re.compile(pattern), told)
    for pattern, told in (
        (r"operands could not be broadcast together with shapes ((?:\([\d,]*\) ?)+)", _broadcast),
        (
            r"non-broadcastable output operand|could not broadcast input array",
            "要放进去的数组与位置的形状不一样：先打印两边的 .shape",
        ),
        (r"matmul: Input operand 1 has a mismatch.*size (\d+) is different from (\d+)", _core),
        (r"shapes (\([\d,]*\)) and (\([\d,]*\)) not aligned", _aligned),
        (
            r"matmul: Input operand \d does not have enough dimensions",
            "@ 的两边都要是数组，至少一维；有一边是一个数：数与数组相乘用 *",
        ),
        (
            r"only (length-1|size-1|0-dimensional|one-element) arrays can be converted"
            r"|only 0-dimensional arrays can be converted",
            "把一整个数组当成一个数来用：float(…)、math 的函数只认一个数，对数组用 np 的同名函数",
        ),
        (
            r"truth value of an array with more than one element is ambiguous",
            "对整个数组问真假：if、and、or、内置的 max 只认一个真假；"
            "逐个判断用 np.where、&、|，合成一个用 .any() 或 .all()",
        ),
        (
            r"truth value of an empty array is ambiguous",
            "对空数组问真假：先看它有没有元素（.size）",
        ),
        (
            r"'(numpy\.ndarray|ndarray)' object is not callable",
            "数组后面跟了圆括号：取元素用方括号 a[i]，或者乘号漏写了",
        ),
        (
            r"'(float|int|numpy\.float64|numpy\.int64|list|tuple|dict|str)' object is not callable",
            lambda found: (
                f"对一个 {found[1]} 用了圆括号：乘号漏写了，取元素该用方括号，或者变量与函数同名"
            ),
        ),
        (
            r"index (-?\d+) is out of bounds for axis (\d+) with size (\d+)",
            lambda found: (
                f"第 {found[2]} 维只有 {found[3]} 个，下标到 {int(found[3]) - 1} 为止，"
                f"却取了 {found[1]}：循环多走了一步，还是轴弄反了？"
            ),
        ),
        (
            r"axis must be an integer|'axis' must be an integer"
            r"|only integer scalar arrays can be converted to a scalar index",
            "第二个位置上是 axis，要一个整数：逐个取大用 np.maximum(a, b)，不是 np.max(a, b)",
        ),
        (
            r"axis (-?\d+) is out of bounds for array of dimension (\d+)",
            lambda found: (
                f"数组只有 {found[2]} 维，没有 axis={found[1]}：先看它的 .shape，"
                "前一步可能已经把那一维加掉了"
            ),
        ),
        (
            r"too many indices for array",
            "方括号里的下标比数组的维数多：前一步可能少了一维，先看 .shape",
        ),
        (
            r"setting an array element with a sequence|inhomogeneous shape",
            "各行长短不一，或者一个格子里放了一串：每一格只能放一个数，每一行要一样长",
        ),
        (r"NoneType", _FORGOTTEN),
        (
            r"'(?:numpy\.)?(?:float|int)\d*' object does not support item assignment",
            "这是一个数，不能按下标赋值：数组求和后可能只剩一个数；要按条件换值，用 np.where",
        ),
        (
            r"'tuple' object does not support item assignment",
            "元组不能改：先用 list(…)，或另造一个",
        ),
        (
            r"UnboundLocalError: .*'(\w+)'|cannot access local variable '(\w+)'",
            lambda found: (
                f"{found[1] or found[2]} 在这个函数里被赋值，所以算局部变量，而这一行先读了它："
                "先给它一个初值，或改成参数传进来"
            ),
        ),
        (
            r"missing \d+ required (?:positional|keyword-only) arguments?: (.*)",
            lambda found: f"调用时少给了参数 {found[1]}：对照定义的那一行，或给它一个默认值",
        ),
        (
            r"takes (?:from )?(\d+)(?: to (\d+))? positional arguments? but (\d+) w(?:as|ere)",
            lambda found: (
                f"给了 {found[3]} 个参数，只收 {found[2] or found[1]} 个：对照定义的那一行"
                "（方法的第一个是 self）"
            ),
        ),
        (
            r"got an unexpected keyword argument '(dim|keepdim)'",
            "dim、keepdim 是 PyTorch 的名字，NumPy 里叫 axis、keepdims",
        ),
        (
            r"got an unexpected keyword argument '(\w+)'",
            lambda found: f"函数没有叫 {found[1]} 的参数：名字要与题目给的一样",
        ),
        (
            r"arrays used as indices must be of integer|only integers, slices",
            "下标要整数：浮点数的数组先用 .astype(int) 变成整数；除法用 //",
        ),
        (
            r"boolean index did not match",
            "当下标用的真假数组，与被取的数组长短不同",
        ),
        (
            r"cannot reshape array of size (\d+) into shape (\([\d,]*\))",
            lambda found: f"{found[1]} 个元素排不成 {found[2]}：元素的个数要相等",
        ),
        (
            r"AttributeError: '?([\w.]+)'? object has no attribute '(\w+)'",
            lambda found: f"{found[1]} 没有叫 {found[2]} 的属性或方法：拼写对不对，题面里叫什么？",
        ),
        (
            r"(list|tuple) index out of range",
            "下标超出了最后一项：n 项的下标是 0 到 n − 1，循环多走了一步？",
        ),
        (
            r"not enough values to unpack \(expected (?:at least )?(\d+), got (\d+)\)",
            lambda found: f"左边有 {found[1]} 个名字，右边只有 {found[2]} 项：先看右边是什么",
        ),
        (
            r"too many values to unpack \(expected (\d+)",
            lambda found: f"左边只有 {found[1]} 个名字，右边项数更多：先看右边是什么",
        ),
        (
            r"unsupported operand type\(s\) for ([^:]+): '(?:list|tuple)'|and '(?:list|tuple)'",
            "列表不能逐项相算：先用 np.array(…) 变成数组",
        ),
        (r"^ZeroDivisionError", "除以了 0：哪个量在这组输入里是 0？"),
        (
            r"assignment destination is read-only|output array is read-only",
            "这个数组只许读：先 copy 一份再改",
        ),
        (r"Cannot cast ufunc", "整数数组里放不下小数的结果：a += 0.5 改写成 a = a + 0.5"),
        (
            r"^NameError: name '(\w+)' is not defined",
            lambda found: f"{found[1]} 还没有定义：拼写对不对，定义它的那一格运行过没有？",
        ),
    )
]
