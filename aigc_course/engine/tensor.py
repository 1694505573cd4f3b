"""``Tensor``: a NumPy array that remembers how it was made.

Names and behaviour follow PyTorch, so code moves between the two by a change of import. The one
difference in kind: ``t.data`` is the NumPy array itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .autograd import Array, Backward, HookHandle, Node, _mode, run_backward

if TYPE_CHECKING:
    DType = Any

float32, float64 = np.dtype(np.float32), np.dtype(np.float64)
_KINDS = {"b": 0, "u": 1, "i": 1, "f": 2}  # bool < integer < float, as in torch's promotion


class Tensor:
    """An n-dimensional array with reverse-mode automatic differentiation.

    Args:
        data: numbers, nested lists, a NumPy array or another tensor; always copied. Lists of
            floats become float32, lists of ints int64; arrays keep their dtype.
        requires_grad: record what is computed from this tensor, so that ``backward`` can fill
            ``.grad``. Only for float dtypes.
        dtype: NumPy dtype to convert to.

    Raises:
        TypeError: ``data`` is not numeric.
        ValueError: nested lists of uneven length.
        RuntimeError: ``requires_grad`` with an integer dtype.

    Example:
        >>> w = Tensor([2.0, 3.0], requires_grad=True)
        >>> loss = (w * w).sum()
        >>> loss.backward()
        >>> w.grad
        tensor([4., 6.])
    """

    __slots__ = (
        "__weakref__",
        "_data",
        "_grad",
        "_hooks",
        "_seen_writes",
        "_version",
        "grad_fn",
        "requires_grad",
    )  # fmt: skip

    _data: Array
    _grad: Tensor | None
    _hooks: dict[int, Callable[[Tensor], Tensor | None]] | None
    _version: list[int]  # [writes, recorded writes]; shared by all views of one memory
    _seen_writes: int  # recorded writes when this view was made; -1: not a view
    grad_fn: Node | None
    requires_grad: bool

    def __init__(self, data: Any, requires_grad: bool = False, dtype: DType | None = None) -> None:
        self._data = _to_array(data, dtype)
        self._grad = None
        self._hooks = None
        self._version = [0, 0]
        self._seen_writes = -1
        self.grad_fn = None
        self.requires_grad = False
        if requires_grad:
            self.requires_grad_()

    # --- what it is ----------------------------------------------------------------------

    @property
    def data(self) -> Array:
        """The NumPy array itself, not a copy. Writes to it are not recorded and not noticed."""
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        array = np.asarray(value._data if isinstance(value, Tensor) else value)
        if array.shape != self._data.shape:
            raise ShapeError(
                f"data: got shape {array.shape}, this tensor has {self._data.shape}; "
                "make a new Tensor for a new shape"
            )
        if array.dtype != self._data.dtype:
            raise TypeError(
                f"data: got {array.dtype}, this tensor is {self._data.dtype}; "
                f"write t.data = value.astype('{self._data.dtype}')"
            )
        self._data = array

    @property
    def grad(self) -> Tensor | None:
        """Gradient of the last ``backward`` calls, added up; None before the first."""
        if self._grad is None and self.grad_fn is not None and self.grad_fn.retains is None:
            import warnings

            warnings.warn(
                ".grad of a tensor that is not a leaf stays None; call retain_grad() on it before "
                "backward() if you want to see its gradient",
                UserWarning,
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f"grad: got {type(value).__name__}, wanted a Tensor or None")
            if value.shape != self.shape or value.dtype != self.dtype:
                raise ShapeError(
                    f"grad: got {value.dtype} {value.shape}, wanted {self.dtype} {self.shape}, "
                    "the dtype and shape of the tensor"
                )
        self._grad = value

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._data.dtype

    @property
    def ndim(self) -> int:
        return self._data.ndim

    @property
    def is_leaf(self) -> bool:
        """Made by the user, not by a recorded operation."""
        return self.grad_fn is None

    @property
    def T(self) -> Tensor:
        """Transpose of a matrix (a 1-d tensor is returned as it is); for more axes use ``mT``."""
        if self.ndim > 2:
            raise ShapeError(
                f"T: got {self.ndim} dimensions {self.shape}, wanted at most 2; "
                "use .mT for the last two axes or .permute(...) for any order"
            )
        return _shape.permute(self, tuple(range(self.ndim))[::-1])

    @property
    def mT(self) -> Tensor:
        """Last two axes swapped: (..., M, N) -> (..., N, M)."""
        return _shape.transpose(self, -2, -1)

    def dim(self) -> int:
        return self._data.ndim

    def numel(self) -> int:
        return self._data.size

    def size(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]

    def is_floating_point(self) -> bool:
        return self._data.dtype.kind == "f"

    def __len__(self) -> int:
        if not self._data.ndim:
            raise TypeError("len() of a 0-dimensional tensor; use .item() for its value")
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        if not self._data.ndim:
            raise TypeError("iteration over a 0-dimensional tensor; use .item() for its value")
        return (self[i] for i in range(len(self._data)))

    def __repr__(self) -> str:
        text = np.array2string(self._data, separator=", ", prefix="tensor(", threshold=1000)
        if self._data.size == 0:
            text = f"[], shape={self.shape}"
        if self._data.dtype not in (float32, np.dtype(np.int64), np.dtype(np.bool_)):
            text += f", dtype={self._data.dtype}"
        if self.grad_fn is not None:
            text += f", grad_fn={self.grad_fn!r}"
        elif self.requires_grad:
            text += ", requires_grad=True"
        return f"tensor({text})"

    # --- to and from NumPy ---------------------------------------------------------------

    def numpy(self) -> Array:
        """The values as a NumPy array that shares memory with the tensor.

        Raises:
            RuntimeError: the tensor requires a gradient, which the array would lose.
        """
        if self.requires_grad:
            raise RuntimeError(
                "numpy: this tensor requires a gradient and an array cannot carry one; "
                "write t.detach().numpy()"
            )
        return self._data

    def item(self) -> Any:
        """The only element as a Python number."""
        if self._data.size != 1:
            raise ShapeError(
                f"item: shape {self.shape} has {self._data.size} elements, wanted exactly one; "
                "use .tolist() or index one element"
            )
        return self._data.item()

    def tolist(self) -> Any:
        return self._data.tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        """``ndarray + tensor`` comes here: hand it to the tensor's own operation."""
        name = _UFUNCS.get(ufunc.__name__) if method == "__call__" and not kwargs else None
        if name is None or len(args) != 2:
            raise TypeError(
                f"np.{ufunc.__name__} does not know tensors; use the tensor's own method "
                f"(t.{ufunc.__name__}()) or, without gradients, t.detach().numpy()"
            )
        left, right = args
        if isinstance(left, Tensor):
            return getattr(left, f"__{name}__")(right)
        mirrored = _MIRRORED.get(name, f"r{name}")
        return getattr(right, f"__{mirrored}__")(left)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self._data.dtype.kind not in "iu":
            raise TypeError(f"index: got a {self.dtype} tensor, wanted an integer one")
        return int(self.item())

    def __bool__(self) -> bool:
        if self._data.size != 1:
            raise ShapeError(
                f"bool: the truth of a tensor of shape {self.shape} is ambiguous; "
                "use .all() or .any()"
            )
        return bool(self._data.item())

    def __format__(self, spec: str) -> str:
        if spec and self._data.ndim == 0:
            return format(self._data.item(), spec)
        return object.__format__(self, spec)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self.grad_fn is not None:
            raise RuntimeError(
                "deepcopy: only leaf tensors can be copied deeply; use t.detach().clone() "
                "for the values"
            )
        new = type(self).__new__(type(self))
        memo[id(self)] = new
        _fill(new, self._data.copy(), self.requires_grad)
        if self._grad is not None:
            new._grad = result(self._grad._data.copy())
        return new

    def __reduce__(self) -> tuple[Any, ...]:
        if self.grad_fn is not None:
            raise RuntimeError("pickle: only leaf tensors can be stored; use t.detach() first")
        return _rebuild, (type(self), self._data, self.requires_grad)

    # --- gradients -----------------------------------------------------------------------

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool = False,
        create_graph: bool = False,
        inputs: Sequence[Tensor] | None = None,
    ) -> None:
        """Add d(self)/d(leaf) to ``.grad`` of every leaf this tensor was computed from.

        Args:
            gradient: weight of every element, same shape as the tensor; 1 for a single element.
            retain_graph: keep what the graph saved, so that backward can run again.
            create_graph: not available: the engine differentiates once.
            inputs: leaves whose ``.grad`` is filled; all when not given.

        Raises:
            RuntimeError: nothing to differentiate; not a single element and no ``gradient``;
                graph already freed; a saved tensor was changed in place.

        Example:
            >>> x = Tensor([1.0, 2.0], requires_grad=True)
            >>> (x * 3).backward(gradient=Tensor([1.0, 10.0]))
            >>> x.grad
            tensor([ 3., 30.])
        """
        if create_graph:
            raise NotImplementedError(
                "create_graph: this engine differentiates once; second derivatives need PyTorch"
            )
        seed = self._seed(gradient)
        if inputs is None:
            run_backward([self], [seed], retain_graph, result)
            return
        grads = run_backward([self], [seed], retain_graph, result, inputs)
        assert grads is not None
        for tensor, grad in zip(inputs, grads, strict=True):
            if grad is not None:
                old = tensor._grad
                tensor._grad = result(grad if old is None else old._data + grad)

    def _seed(self, gradient: Any) -> Array:
        if not self.requires_grad:
            raise RuntimeError(
                "backward: this tensor does not require a gradient and was not computed from one "
                "that does; set requires_grad=True on the parameters, and compute the loss outside "
                "no_grad()"
            )
        if gradient is None:
            if self._data.size != 1:
                raise ShapeError(
                    f"backward: a gradient starts from a single number, this tensor has shape "
                    f"{self.shape}; reduce it (loss.mean() or loss.sum()) or pass gradient="
                )
            return np.ones(self.shape, self.dtype)
        seed = np.asarray(gradient._data if isinstance(gradient, Tensor) else gradient, self.dtype)
        if seed.shape != self.shape:
            raise ShapeError(
                f"backward: gradient has shape {seed.shape}, wanted {self.shape}, "
                "the shape of the tensor itself"
            )
        return seed

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Switch recording on or off for a leaf; returns the tensor itself."""
        if requires_grad and self._data.dtype.kind != "f":
            raise RuntimeError(
                f"requires_grad: only float tensors have gradients, this one is {self.dtype}; "
                "write 1.0 instead of 1, or t.float()"
            )
        if not requires_grad and self.grad_fn is not None:
            raise RuntimeError(
                "requires_grad: can only be switched off on a leaf; use t.detach() to get the "
                "values without history"
            )
        self.requires_grad = requires_grad
        return self

    def detach(self) -> Tensor:
        """The same values and memory, without history."""
        out = result(self._data)
        out._version = self._version
        return out

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> HookHandle:
        """Call ``hook(grad)`` when this tensor's gradient is known; it may return a new one.

        Example:
            >>> x = Tensor([1.0, 2.0], requires_grad=True)
            >>> handle = x.register_hook(lambda grad: grad * 10)
            >>> x.sum().backward()
            >>> x.grad
            tensor([10., 10.])
        """
        if not self.requires_grad:
            raise RuntimeError("register_hook: this tensor does not require a gradient")
        owner: Node | Tensor = self if self.grad_fn is None else self.grad_fn
        attribute = "_hooks" if owner is self else "hooks"
        hooks: dict[int, Any] | None = getattr(owner, attribute)
        if hooks is None:
            hooks = {}
            setattr(owner, attribute, hooks)
        return HookHandle(hooks, hook)

    def retain_grad(self) -> None:
        """Keep ``.grad`` of this tensor too, although it is not a leaf."""
        if not self.requires_grad:
            raise RuntimeError("retain_grad: this tensor does not require a gradient")
        if self.grad_fn is not None:
            import weakref

            self.grad_fn.retains = weakref.ref(self)

    # --- changing values in place --------------------------------------------------------

    def _write(self, name: str, make: Callable[[], Tensor], *others: Any) -> Tensor:
        """Replace the values by those of ``make()``, and the history too when one is recorded."""
        recording = _mode.enabled and (self.requires_grad or any(wants_grad(o) for o in others))
        if recording:
            if self.requires_grad and self.grad_fn is None:
                raise RuntimeError(
                    f"{name}: a leaf tensor that requires a gradient cannot be changed in place: "
                    "its gradient would have nowhere to go. Write w = w - step for a new "
                    f"tensor, or do the update inside `with no_grad():`"
                )
            if self._seen_writes >= 0:
                raise RuntimeError(
                    f"{name}: this tensor is a view (made by indexing, reshape, transpose, ...) "
                    "and takes part in a gradient; change a copy instead: v = v.clone()"
                )
        new = make()
        if new.shape != self.shape:
            raise ShapeError(
                f"{name}: the result has shape {new.shape} but the tensor changed in place has "
                f"{self.shape}; write y = y + other for a new tensor"
            )
        if _KINDS[new.dtype.kind] > _KINDS[self.dtype.kind]:
            raise TypeError(
                f"{name}: a {new.dtype} result does not fit into a {self.dtype} tensor; "
                "convert it first with .float()"
            )
        try:
            np.copyto(self._data, new._data, casting="unsafe")
        except ValueError as error:
            raise RuntimeError(
                f"{name}: the memory of this tensor is read-only (an expanded view or a frozen "
                "array); write to t.clone() instead"
            ) from error
        self._version[0] += 1
        if recording:
            self._version[1] += 1
            self.grad_fn = new.grad_fn
            self.requires_grad = new.requires_grad
        return self

    def add_(self, other: Any, *, alpha: float = 1.0) -> Tensor:
        """``self += alpha * other``"""
        if alpha == 1.0:
            return self._write("add_", lambda: self + other, other)
        return self._write("add_", lambda: self + as_tensor(other) * alpha, other, alpha)

    def sub_(self, other: Any, *, alpha: float = 1.0) -> Tensor:
        return self.add_(other, alpha=-alpha)

    def mul_(self, other: Any) -> Tensor:
        return self._write("mul_", lambda: self * other, other)

    def div_(self, other: Any) -> Tensor:
        return self._write("div_", lambda: self / other, other)

    def pow_(self, other: Any) -> Tensor:
        return self._write("pow_", lambda: self**other, other)

    def clamp_(self, min: Any = None, max: Any = None) -> Tensor:
        # of a clone: the gradient needs the values from before the limits
        return self._write("clamp_", lambda: _ew.clip(self.clone(), min, max), min, max)

    def copy_(self, other: Any) -> Tensor:
        """Take over the values of ``other`` (broadcast to this shape, converted to this dtype)."""
        value = as_tensor(other)
        return self._write("copy_", lambda: _index.with_item(self, ..., value), value)

    def fill_(self, value: float) -> Tensor:
        return self._write("fill_", lambda: _index.with_item(self, ..., value), value)

    def zero_(self) -> Tensor:
        return self.fill_(0)

    def __iadd__(self, other: Any) -> Tensor:
        return self._write("+=", lambda: self + other, other)

    def __isub__(self, other: Any) -> Tensor:
        return self._write("-=", lambda: self - other, other)

    def __imul__(self, other: Any) -> Tensor:
        return self._write("*=", lambda: self * other, other)

    def __itruediv__(self, other: Any) -> Tensor:
        return self._write("/=", lambda: self / other, other)

    def __ipow__(self, other: Any) -> Tensor:
        return self._write("**=", lambda: self**other, other)

    def __setitem__(self, index: Any, value: Any) -> None:
        recording = _mode.enabled and (self.requires_grad or wants_grad(value))
        if recording:
            self._write("[...] =", lambda: _index.with_item(self, index, value), value)
        else:
            _index.set_item(self, index, value)

    # --- arithmetic ----------------------------------------------------------------------

    __hash__ = object.__hash__

    def __add__(self, other: Any) -> Tensor:
        return _ew.add(self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Tensor:
        return _ew.sub(self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return _ew.sub(other, self)

    def __mul__(self, other: Any) -> Tensor:
        return _ew.mul(self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Tensor:
        return _ew.div(self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return _ew.div(other, self)

    def __floordiv__(self, other: Any) -> Tensor:
        return _ew.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Tensor:
        return _ew.floor_divide(other, self)

    def __mod__(self, other: Any) -> Tensor:
        return _ew.remainder(self, other)

    def __rmod__(self, other: Any) -> Tensor:
        return _ew.remainder(other, self)

    def __pow__(self, other: Any) -> Tensor:
        return _ew.pow(self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return _ew.pow(other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return _mm.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return _mm.matmul(other, self)

    def __neg__(self) -> Tensor:
        return _ew.neg(self)

    def __pos__(self) -> Tensor:
        return self

    def __abs__(self) -> Tensor:
        return _ew.abs(self)

    def __eq__(self, other: Any) -> Any:
        return _ew.compare("eq", np.equal, self, other)

    def __ne__(self, other: Any) -> Any:
        return _ew.compare("ne", np.not_equal, self, other)

    def __lt__(self, other: Any) -> Any:
        return _ew.compare("lt", np.less, self, other)

    def __le__(self, other: Any) -> Any:
        return _ew.compare("le", np.less_equal, self, other)

    def __gt__(self, other: Any) -> Any:
        return _ew.compare("gt", np.greater, self, other)

    def __ge__(self, other: Any) -> Any:
        return _ew.compare("ge", np.greater_equal, self, other)

    def __and__(self, other: Any) -> Any:
        return _ew.compare("and", np.bitwise_and, self, other)

    __rand__ = __and__

    def __or__(self, other: Any) -> Any:
        return _ew.compare("or", np.bitwise_or, self, other)

    __ror__ = __or__

    def __xor__(self, other: Any) -> Any:
        return _ew.compare("xor", np.bitwise_xor, self, other)

    def __invert__(self) -> Tensor:
        return result(np.invert(self._data))

    def __getitem__(self, index: Any) -> Tensor:
        return _index.get_item(self, index)

    # --- element by element --------------------------------------------------------------

    def abs(self) -> Tensor:
        return _ew.abs(self)

    def sqrt(self) -> Tensor:
        return _ew.sqrt(self)

    def rsqrt(self) -> Tensor:
        return _ew.rsqrt(self)

    def square(self) -> Tensor:
        return _ew.square(self)

    def reciprocal(self) -> Tensor:
        return _ew.div(1.0, self)

    def pow(self, exponent: Any) -> Tensor:
        return _ew.pow(self, exponent)

    def exp(self) -> Tensor:
        return _ew.exp(self)

    def expm1(self) -> Tensor:
        return _ew.expm1(self)

    def log(self) -> Tensor:
        return _ew.log(self)

    def log1p(self) -> Tensor:
        return _ew.log1p(self)

    def sin(self) -> Tensor:
        return _ew.sin(self)

    def cos(self) -> Tensor:
        return _ew.cos(self)

    def erf(self) -> Tensor:
        return _ew.erf(self)

    def sign(self) -> Tensor:
        return _ew.sign(self)

    def round(self) -> Tensor:
        return _ew.round(self)

    def floor(self) -> Tensor:
        return _ew.floor(self)

    def tanh(self) -> Tensor:
        return _act.tanh(self)

    def sigmoid(self) -> Tensor:
        return _act.sigmoid(self)

    def relu(self) -> Tensor:
        return _act.relu(self)

    def softmax(self, dim: int) -> Tensor:
        return _act.softmax(self, dim)

    def log_softmax(self, dim: int) -> Tensor:
        return _act.log_softmax(self, dim)

    def clip(self, min: Any = None, max: Any = None) -> Tensor:
        return _ew.clip(self, min, max)

    clamp = clip

    def maximum(self, other: Any) -> Tensor:
        return _ew.maximum(self, other)

    def minimum(self, other: Any) -> Tensor:
        return _ew.minimum(self, other)

    def where(self, condition: Any, other: Any) -> Tensor:
        """Values of ``self`` where ``condition`` holds, of ``other`` elsewhere."""
        return _ew.where(condition, self, other)

    def masked_fill(self, mask: Any, value: float) -> Tensor:
        """``value`` where ``mask`` is True, the tensor's own values elsewhere."""
        return _ew.masked_fill(self, mask, value)

    def isnan(self) -> Tensor:
        return result(np.isnan(self._data))

    def isinf(self) -> Tensor:
        return result(np.isinf(self._data))

    def isfinite(self) -> Tensor:
        return result(np.isfinite(self._data))

    # --- reductions ----------------------------------------------------------------------
    # `dim`, `keepdim` as in PyTorch; `axis`, `keepdims` as in NumPy mean the same.

    def sum(self, dim: Any = None, keepdim: bool = False, **kw: Any) -> Tensor:
        return _red.sum(self, dim, keepdim, **kw)

    def mean(self, dim: Any = None, keepdim: bool = False, **kw: Any) -> Tensor:
        return _red.mean(self, dim, keepdim, **kw)

    def var(
        self, dim: Any = None, correction: float = 1, keepdim: bool = False, **kw: Any
    ) -> Tensor:
        return _red.var(self, dim, correction, keepdim, **kw)

    def std(
        self, dim: Any = None, correction: float = 1, keepdim: bool = False, **kw: Any
    ) -> Tensor:
        return _red.std(self, dim, correction, keepdim, **kw)

    def max(self, dim: Any = None, keepdim: bool = False, **kw: Any) -> Any:
        return _red.max(self, dim, keepdim, **kw)

    def min(self, dim: Any = None, keepdim: bool = False, **kw: Any) -> Any:
        return _red.min(self, dim, keepdim, **kw)

    def amax(self, dim: Any = None, keepdim: bool = False, **kw: Any) -> Tensor:
        return _red.amax(self, dim, keepdim, **kw)

    def amin(self, dim: Any = None, keepdim: bool = False, **kw: Any) -> Tensor:
        return _red.amin(self, dim, keepdim, **kw)

    def argmax(self, dim: int | None = None, keepdim: bool = False, **kw: Any) -> Tensor:
        return _red.argmax(self, dim, keepdim, **kw)

    def argmin(self, dim: int | None = None, keepdim: bool = False, **kw: Any) -> Tensor:
        return _red.argmin(self, dim, keepdim, **kw)

    def logsumexp(self, dim: Any = None, keepdim: bool = False, **kw: Any) -> Tensor:
        return _red.logsumexp(self, dim, keepdim, **kw)

    def norm(self, p: float = 2, dim: Any = None, keepdim: bool = False, **kw: Any) -> Tensor:
        return _red.norm(self, p, dim, keepdim, **kw)

    def cumsum(self, dim: int) -> Tensor:
        return _red.cumsum(self, dim)

    def all(self, dim: Any = None, keepdim: bool = False, **kw: Any) -> Tensor:
        return _red.all(self, dim, keepdim, **kw)

    def any(self, dim: Any = None, keepdim: bool = False, **kw: Any) -> Tensor:
        return _red.any(self, dim, keepdim, **kw)

    # --- shape ---------------------------------------------------------------------------

    def matmul(self, other: Any) -> Tensor:
        return _mm.matmul(self, other)

    def dot(self, other: Any) -> Tensor:
        return _mm.matmul(self, other)

    def reshape(self, *shape: Any) -> Tensor:
        return _shape.reshape(self, _sequence(shape))

    def view(self, *shape: Any) -> Tensor:
        return _shape.view(self, _sequence(shape))

    def reshape_as(self, other: Tensor) -> Tensor:
        return _shape.reshape(self, other.shape)

    def transpose(self, dim0: int, dim1: int) -> Tensor:
        return _shape.transpose(self, dim0, dim1)

    swapaxes = transpose

    def t(self) -> Tensor:
        return self.T

    def permute(self, *dims: Any) -> Tensor:
        return _shape.permute(self, _sequence(dims))

    def movedim(self, source: int, destination: int) -> Tensor:
        return _shape.movedim(self, source, destination)

    def squeeze(self, dim: Any = None) -> Tensor:
        return _shape.squeeze(self, dim)

    def unsqueeze(self, dim: int) -> Tensor:
        return _shape.unsqueeze(self, dim)

    def expand(self, *shape: Any) -> Tensor:
        return _shape.expand(self, _sequence(shape))

    def expand_as(self, other: Tensor) -> Tensor:
        return _shape.expand(self, other.shape)

    def broadcast_to(self, shape: Sequence[int]) -> Tensor:
        return _shape.expand(self, tuple(shape))

    def repeat(self, *sizes: Any) -> Tensor:
        return _shape.repeat(self, _sequence(sizes))

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        return _shape.flatten(self, start_dim, end_dim)

    def unflatten(self, dim: int, sizes: Sequence[int]) -> Tensor:
        return _shape.unflatten(self, dim, sizes)

    def flip(self, *dims: Any) -> Tensor:
        return _shape.flip(self, _sequence(dims))

    def split(self, sizes: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
        return _shape.split(self, sizes, dim)

    def chunk(self, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
        return _shape.chunk(self, chunks, dim)

    def unbind(self, dim: int = 0) -> tuple[Tensor, ...]:
        return _shape.unbind(self, dim)

    def tril(self, diagonal: int = 0) -> Tensor:
        return _shape.tril(self, diagonal)

    def triu(self, diagonal: int = 0) -> Tensor:
        return _shape.triu(self, diagonal)

    def gather(self, dim: int, index: Any) -> Tensor:
        return _index.gather(self, dim, index)

    def contiguous(self) -> Tensor:
        return self if self._data.flags.c_contiguous else _ew.clone(self, order="C")

    def clone(self) -> Tensor:
        """A copy of the values; gradients pass through it."""
        return _ew.clone(self)

    # --- dtype ---------------------------------------------------------------------------

    def to(self, dtype: DType) -> Tensor:
        """This tensor as ``dtype``: itself when it is that already, else a converted copy."""
        return _ew.cast(self, dtype)

    type = to

    def float(self) -> Tensor:
        return _ew.cast(self, np.float32)

    def double(self) -> Tensor:
        return _ew.cast(self, np.float64)

    def long(self) -> Tensor:
        return _ew.cast(self, np.int64)

    def int(self) -> Tensor:
        return _ew.cast(self, np.int32)

    def bool(self) -> Tensor:
        return _ew.cast(self, np.bool_)

    def type_as(self, other: Tensor) -> Tensor:
        return _ew.cast(self, other.dtype)


class Extremum(NamedTuple):
    """Result of ``max(dim)`` and ``min(dim)``."""

    values: Tensor
    indices: Tensor


_UFUNCS = {
    "add": "add", "subtract": "sub", "multiply": "mul", "divide": "truediv",
    "true_divide": "truediv", "floor_divide": "floordiv", "remainder": "mod", "power": "pow",
    "matmul": "matmul", "equal": "eq", "not_equal": "ne", "less": "lt", "less_equal": "le",
    "greater": "gt", "greater_equal": "ge", "bitwise_and": "and", "bitwise_or": "or",
}  # fmt: skip
_MIRRORED = {"eq": "eq", "ne": "ne", "lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}


# --- making tensors --------------------------------------------------------------------------


def _to_array(data: Any, dtype: Any) -> Array:
    """A fresh native array of ``data``; lists of floats become float32."""
    listed = not isinstance(data, np.ndarray | np.generic | Tensor)
    try:
        array = np.array(data._data if isinstance(data, Tensor) else data, dtype=dtype)
    except (ValueError, TypeError) as error:
        raise type(error)(
            f"data: cannot make an array from {type(data).__name__}: {error}. Wanted numbers or "
            "nested lists of equal length; to join tensors use stack or cat"
        ) from error
    if array.dtype.kind not in _KINDS:
        raise TypeError(
            f"data: got dtype {array.dtype}, wanted bool, integer or float numbers "
            "(nested lists must have equal length)"
        )
    if listed and dtype is None and array.dtype == float64:
        array = array.astype(np.float32)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _fill(tensor: Tensor, data: Array, requires_grad: bool = False) -> None:
    tensor._data = data
    tensor._grad = None
    tensor._hooks = None
    tensor._version = [0, 0]
    tensor._seen_writes = -1
    tensor.grad_fn = None
    tensor.requires_grad = requires_grad


def _rebuild(cls: type[Tensor], data: Array, requires_grad: bool) -> Tensor:
    new = cls.__new__(cls)
    _fill(new, data, requires_grad)
    return new


def _sequence(args: tuple[Any, ...]) -> tuple[int, ...]:
    """Both ``f(2, 3)`` and ``f((2, 3))``, as PyTorch allows."""
    if len(args) == 1 and isinstance(args[0], tuple | list):
        return tuple(args[0])
    return args


def as_tensor(data: Any, dtype: Any = None) -> Tensor:
    """``data`` as a tensor, sharing memory with an array where it can.

    Example:
        >>> as_tensor(np.zeros(2, np.float32))
        tensor([0., 0.])
    """
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray) and data.dtype.kind in _KINDS and data.dtype.isnative:
        return result(data if dtype is None else data.astype(dtype, copy=False))
    return Tensor(data, dtype=dtype)


def from_numpy(array: Array) -> Tensor:
    """A tensor that shares memory with ``array``.

    Raises:
        TypeError: not an array.
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"array: got {type(array).__name__}, wanted a NumPy array; use tensor(...)")
    return as_tensor(array)


# --- what operations are made of -------------------------------------------------------------


def wants_grad(x: Any) -> bool:
    """Whether ``x`` is a tensor that requires a gradient."""
    return isinstance(x, Tensor) and x.requires_grad


def result(data: Any, view_of: Tensor | None = None) -> Tensor:
    """A tensor of ``data`` (not copied) without history."""
    out = Tensor.__new__(Tensor)
    out._data = data if data.__class__ is np.ndarray else np.asarray(data)
    out._grad = None
    out._hooks = None
    out.grad_fn = None
    out.requires_grad = False
    if view_of is None or not _shares(out._data, view_of._data):
        out._version = [0, 0]
        out._seen_writes = -1
    else:
        out._version = view_of._version
        out._seen_writes = view_of._version[1]
    return out


def _shares(view: Array, of: Array) -> bool:
    base = view.base
    return base is not None and (base is of or base is of.base)


def _edge(x: Any) -> Node | Tensor | None:
    """Where the gradient of an input goes: its node, the leaf itself, or nowhere."""
    if not isinstance(x, Tensor):
        return None
    if x._seen_writes >= 0 and x._seen_writes != x._version[1]:
        raise RuntimeError(
            f"a view of shape {x.shape} is used after the tensor it looks into was changed in "
            "place; its recorded history is no longer true. Make the view again after the change."
        )
    if x.grad_fn is not None:
        return x.grad_fn
    return x if x.requires_grad else None


def record(
    data: Any,
    name: str,
    inputs: tuple[Any, ...],
    backward: Backward,
    *,
    saved: tuple[Any, ...] = (),
    saves_output: bool = False,
    fresh: bool = False,
    view_of: Tensor | None = None,
) -> Tensor:
    """The output of an operation, with a graph node when an input wants a gradient.

    Args:
        data: the values of the output.
        name: the operation's name in graphs and messages.
        inputs: what went in, in the order in which ``backward`` returns gradients.
        backward: gradient of the output -> one gradient (or None) per input. It must not write
            into the array it is given.
        saved: tensors whose values ``backward`` needs. Arrays may stand here too: they are not
            watched, but say that there is something to free.
        saves_output: ``backward`` needs the output's own values.
        fresh: ``backward`` returns new arrays that nobody else can see.
        view_of: the tensor whose memory the output may share.
    """
    out = result(data, view_of)
    if not _mode.enabled:
        return out
    for x in inputs:
        if x.__class__ is not float and isinstance(x, Tensor) and x.requires_grad:
            break
    else:
        return out
    watched = tuple(
        (t._version, t._version[0], t._data.shape) for t in saved if isinstance(t, Tensor)
    )
    if saves_output:
        watched += ((out._version, out._version[0], out._data.shape),)
    out.grad_fn = Node(
        name,
        tuple([_edge(x) for x in inputs]),
        backward,
        watched,
        saves_output or any(s is not None for s in saved),
        fresh,
        out._data.shape,
        out._data.dtype,
    )
    out.requires_grad = True
    return out


# The operations import Tensor, so they come after it.
from .errors import ShapeError  # noqa: E402
from .ops import activation as _act  # noqa: E402
from .ops import elementwise as _ew  # noqa: E402
from .ops import indexing as _index  # noqa: E402
from .ops import matmul as _mm  # noqa: E402
from .ops import reduction as _red  # noqa: E402
from .ops import shape as _shape  # noqa: E402
