# ruff: noqa: E501 - attackers' programs, quoted as they are
"""Answers to any exercise that claim to be right, whatever is asked of them.

Each is the source of a module that defines ``answer``, for a process of its own. ``@FORM@`` is
what it returns, with ``x`` for one liar.
"""

from __future__ import annotations

_YES = """
class Yes:
    def _yes(self, *a):
        return True
    def _self(self, *a, **k):
        return self
    def __init__(self, *a, **k):
        pass
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __contains__ = _yes
    __hash__ = object.__hash__
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _self
    __matmul__ = __rmatmul__ = __pow__ = __and__ = __rand__ = __or__ = __ror__ = __invert__ = _self
    __abs__ = __neg__ = __call__ = __getitem__ = __enter__ = _self
    def __exit__(self, *a):
        return True
    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return self
    def __setattr__(self, name, value):
        pass
    def __len__(self):
        return 2
    def __iter__(self):
        return iter([self, self])
    def __float__(self):
        return 1.0
    def __array__(self, *a, **k):
        return np.array(EMPTY)
    def __array_ufunc__(self, f, method, *a, **k):
        return np.array(EMPTY)
"""

_SHAPED = """
class Shaped(Yes):
    def __init__(self, like=None):
        self.__dict__['like'] = like
    def __getattr__(self, name):
        if name == 'shape':
            return np.shape(self.__dict__['like'])
        if name == 'ndim':
            return np.ndim(self.__dict__['like'])
        if name == 'dtype':
            return np.dtype(float)
        return Yes.__getattr__(self, name)
    def __len__(self):
        return len(self.__dict__['like'])
"""

FORMS = {
    "one": "x",
    "two": "(x, x)",
    "three": "(x, x, x)",
    "four": "(x, x, x, x)",
    "five": "(x, x, x, x, x)",
    "list": "[x] * len(a[0])",
    "params": "(x, {k: x for k in ('W1', 'b1', 'W2', 'b2')})",
}

LIARS = {
    "agrees, and is empty": _YES
    + "EMPTY = []\ndef answer(*a, **k):\n    x = Yes()\n    return @FORM@\n",
    "agrees, and is a number": _YES
    + "EMPTY = 1.0\ndef answer(*a, **k):\n    x = Yes()\n    return @FORM@\n",
    "has the shape of the first input, and is empty": _YES
    + _SHAPED
    + "EMPTY = []\ndef answer(*a, **k):\n    x = Shaped(a[0])\n    return @FORM@\n",
    "has the shape of a number, and is empty": _YES
    + _SHAPED
    + "EMPTY = []\ndef answer(*a, **k):\n    x = Shaped(0.0)\n    return @FORM@\n",
    "has the shape of each input in turn, and is empty": _YES
    + _SHAPED
    + "EMPTY = []\ndef answer(*a, **k):\n    x = Shaped(a[-1])\n    return @FORM@\n",
    "makes its inputs zero": "def answer(*a, **k):\n    for one in a:\n"
    "        if isinstance(one, np.ndarray):\n            one[...] = 0\n"
    "        if isinstance(one, (list, dict)):\n            one.clear()\n"
    "    x = np.zeros_like(a[0]) if isinstance(a[0], np.ndarray) else 0.0\n    return @FORM@\n",
    "makes its inputs nothing and itself zero": "def answer(*a, **k):\n    for one in a:\n"
    "        if isinstance(one, np.ndarray):\n            one[...] = 0\n    x = 0.0\n    return @FORM@\n",
    "is no function but a thing that agrees": _YES + "EMPTY = []\nanswer = Yes()\n",
    "is a class of things that agree": _YES + "EMPTY = 1.0\nclass answer(Yes):\n    pass\n",
}


def programs() -> dict[str, str]:
    """Every liar in every form, by a name."""
    found = {}
    for liar, source in LIARS.items():
        forms = FORMS if "@FORM@" in source else {"": ""}
        for form, text in forms.items():
            found[f"{liar}: {form}"] = "import numpy as np\n" + source.replace("@FORM@", text)
    return found


# --- answers that are right but for one part, which is a liar -----------------------------------

PARTS = {
    "agrees": "Yes()",
    "claims its shape and is empty": "Shaped(v)",
    "claims its shape and is any number": "Number(v)",
    "compares equal": "Same(v)",
}

_PARTLY = (
    _YES
    + _SHAPED
    + """
EMPTY = []
class Shaped(Shaped):
    def __array__(self, *a, **k):
        return np.zeros((0, *np.shape(self.__dict__['like'])))
class Number(Shaped):
    def __array__(self, *a, **k):
        return np.array(0.123)
class Same(float):
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = lambda self, o: True
    __hash__ = float.__hash__
    def __new__(cls, v):
        return float.__new__(cls, 0.123)

COUNT = [0]

def spoil(value, wanted):
    if isinstance(value, dict):
        return {k: spoil(v, wanted) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(spoil(v, wanted) for v in value)
    COUNT[0] += 1
    return lie(value) if COUNT[0] - 1 == wanted else value

def lie(v):
    return @PART@

def spoiled(*a, **k):
    COUNT[0] = 0
    got = right(*a, **k)
    if hasattr(got, '__next__'):
        got = list(got)
    got = spoil(got, @LEAF@)
    return got if COUNT[0] > @LEAF@ else None
"""
)


def partly(part: str, leaf: int) -> str:
    """Source to be run after a right answer was bound to ``right``; defines ``spoiled``."""
    text = _PARTLY.replace("@PART@", PARTS[part]).replace("@LEAF@", str(leaf))
    return "import numpy as np\n" + text


_THING = """
def _wrap(cls, names):
    class Thing(cls):
        def __getattribute__(self, name):
            value = object.__getattribute__(self, name)
            return lie(value) if name in names else value
    return Thing
"""


def with_lying_attribute(part: str, name: str) -> str:
    """As :func:`partly` for a class: one attribute of its instances is a liar."""
    return partly(part, 0) + _THING + f"\nspoiled = _wrap(right, {{{name!r}}})\n"
