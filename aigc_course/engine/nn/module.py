"""``Module``: parameters and sub-modules under names, so that a whole network is one object."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any, ClassVar, Self

import numpy as np

from ..tensor import Tensor, result

__all__ = ["Module", "Parameter"]


class Parameter(Tensor):
    """A tensor that a module registers and an optimiser trains.

    Example:
        >>> Parameter([1.0]).requires_grad
        True
    """

    __slots__ = ("__dict__",)

    def __init__(self, data: Any, requires_grad: bool = True, dtype: Any = None) -> None:
        super().__init__(data, requires_grad=requires_grad, dtype=dtype)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class RemovableHandle:
    """Takes a forward hook off again."""

    _numbers = count()

    def __init__(self, hooks: dict[int, Any], hook: Any) -> None:
        self._hooks, self._key = hooks, next(RemovableHandle._numbers)
        hooks[self._key] = hook

    def remove(self) -> None:
        self._hooks.pop(self._key, None)


class Module:
    """Base of all layers and networks: assign parameters and modules, write ``forward``.

    Example:
        >>> from aigc_course.engine import nn, ones
        >>> class Double(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.layer = nn.Linear(2, 1)
        ...     def forward(self, x):
        ...         return self.layer(x) * 2
        >>> net = Double()
        >>> [name for name, _ in net.named_parameters()], net(ones(3, 2)).shape
        (['layer.weight', 'layer.bias'], (3, 1))
    """

    _newer_names: ClassVar[tuple[str, ...]] = ()  # of parameters and buffers older weights lack
    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _forward_hooks: dict[int, Callable[..., Any]]

    def __init__(self) -> None:
        put = object.__setattr__
        put(self, "training", True)
        put(self, "_parameters", {})
        put(self, "_buffers", {})
        put(self, "_modules", {})
        put(self, "_forward_hooks", {})

    # --- names ---------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError(
                f"{type(self).__name__}: call super().__init__() before assigning {name!r}"
            )
        kinds: tuple[tuple[type, dict[str, Any]], ...] = (
            (Parameter, self._parameters),
            (Module, self._modules),
        )
        for kind, table in kinds:
            if isinstance(value, kind):
                for other in (self._parameters, self._buffers, self._modules):
                    other.pop(name, None)
                self.__dict__.pop(name, None)
                table[name] = value
                return
        for table in (self._parameters, self._modules):
            if name in table:
                if value is not None:
                    raise TypeError(
                        f"{type(self).__name__}.{name}: got {type(value).__name__}, this name "
                        "holds a parameter or module; assign one, or None"
                    )
                table[name] = None
                return
        if name in self._buffers:
            self._buffers[name] = value
            return
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__"):
            for table in ("_parameters", "_buffers", "_modules"):
                found = self.__dict__.get(table, {})
                if name in found:
                    return found[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __delattr__(self, name: str) -> None:
        for table in (self._parameters, self._buffers, self._modules):
            if name in table:
                del table[name]
                return
        object.__delattr__(self, name)

    def register_buffer(self, name: str, value: Tensor | None) -> None:
        """A tensor that is stored with the module but not trained."""
        self._buffers[name] = value

    def register_parameter(self, name: str, value: Parameter | None) -> None:
        self._parameters[name] = value

    def add_module(self, name: str, module: Module | None) -> None:
        self._modules[name] = module

    # --- calling -------------------------------------------------------------------------

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no forward method; write one")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        out = self.forward(*args, **kwargs)
        if self._forward_hooks:
            for hook in list(self._forward_hooks.values()):
                changed = hook(self, args, out)
                out = out if changed is None else changed
        return out

    def register_forward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, inputs, output)`` after forward; it may return another output."""
        return RemovableHandle(self._forward_hooks, hook)

    # --- walking -------------------------------------------------------------------------

    def named_children(self) -> Iterator[tuple[str, Module]]:
        for name, module in self._modules.items():
            if module is not None:
                yield name, module

    def children(self) -> Iterator[Module]:
        for _, module in self.named_children():
            yield module

    def named_modules(
        self, prefix: str = "", memo: set[int] | None = None
    ) -> Iterator[tuple[str, Module]]:
        """This module (under the empty name) and all inside, each once."""
        memo = set() if memo is None else memo
        if id(self) in memo:
            return
        memo.add(id(self))
        yield prefix, self
        for name, module in self.named_children():
            yield from module.named_modules(f"{prefix}.{name}" if prefix else name, memo)

    def modules(self) -> Iterator[Module]:
        for _, module in self.named_modules():
            yield module

    def _named(self, table: str) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        for prefix, module in self.named_modules():
            for name, value in getattr(module, table).items():
                if value is not None and id(value) not in seen:
                    seen.add(id(value))
                    yield (f"{prefix}.{name}" if prefix else name), value

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """(dotted name, parameter) of this module and all inside, shared ones once."""
        return self._named("_parameters")

    def parameters(self) -> Iterator[Parameter]:
        for _, parameter in self.named_parameters():
            yield parameter

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        return self._named("_buffers")

    def buffers(self) -> Iterator[Tensor]:
        for _, buffer in self.named_buffers():
            yield buffer

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call ``function`` on every module inside, then on this one."""
        for module in self.children():
            module.apply(function)
        function(self)
        return self

    # --- modes ---------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Training mode: dropout is active, batch norm uses the batch."""
        for module in self.modules():
            object.__setattr__(module, "training", bool(mode))
        return self

    def eval(self) -> Self:
        """Evaluation mode, the opposite of :meth:`train`."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients."""
        for parameter in self.parameters():
            if set_to_none:
                parameter._grad = None
            elif parameter._grad is not None:
                parameter._grad.zero_()

    def to(self, dtype: Any) -> Self:
        """Convert all float parameters and buffers, in place."""
        wanted = np.dtype(dtype)
        if wanted.kind != "f":
            raise TypeError(f"to: got {wanted}, wanted a float dtype such as float32")
        for t in [*self.parameters(), *self.buffers()]:
            if t.dtype.kind == "f":
                t._data = t._data.astype(wanted, copy=False)
                t._grad = None if t._grad is None else t._grad.to(wanted)
        return self

    def float(self) -> Self:
        return self.to(np.float32)

    def double(self) -> Self:
        return self.to(np.float64)

    # --- storing -------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Tensor]:
        """All parameters and buffers by dotted name; they share memory with the module."""
        state: dict[str, Tensor] = {}
        for prefix, module in self.named_modules():
            for table in (module._parameters, module._buffers):
                for name, value in table.items():
                    if value is not None:
                        state[f"{prefix}.{name}" if prefix else name] = value.detach()
        return state

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Copy values in by name, from tensors of this engine, NumPy arrays or PyTorch tensors.

        Names that a layer did not have in older weights keep their value.

        Raises:
            RuntimeError: a name is missing or unknown (when strict), or a shape differs; then
                nothing has been changed.
        """
        own = self.state_dict()
        newer = {
            f"{prefix}.{name}" if prefix else name
            for prefix, module in self.named_modules()
            for name in module._newer_names
        }
        missing = [name for name in own if name not in state and name not in newer]
        unknown = [name for name in state if name not in own]
        problems = []
        if strict and missing:
            problems.append(f"missing: {', '.join(missing)}")
        if strict and unknown:
            problems.append(f"unknown: {', '.join(unknown)}")
        arrays = {}
        for name in own:
            if name not in state:
                continue
            value = state[name]
            value = value.detach() if hasattr(value, "detach") else value
            array = value._data if isinstance(value, Tensor) else np.asarray(value)
            if own[name].ndim == 0 and array.shape == (1,):  # numbers of older weights
                array = array[0]
            arrays[name] = array
            if arrays[name].shape != own[name].shape:
                problems.append(f"{name}: got {arrays[name].shape}, wanted {own[name].shape}")
        if problems:
            raise RuntimeError(
                f"load_state_dict: the weights do not fit {type(self).__name__}. "
                + "; ".join(problems)
                + ". Build the model with the same sizes, or pass strict=False for a partial load."
            )
        for name, array in arrays.items():
            own[name]._data[...] = array
            own[name]._version[0] += 1

    # --- text ----------------------------------------------------------------------------

    def extra_repr(self) -> str:
        return ""

    def __repr__(self) -> str:
        lines = [
            f"  ({name}): " + repr(module).replace("\n", "\n  ")
            for name, module in self._modules.items()
        ]
        if not lines:
            return f"{type(self).__name__}({self.extra_repr()})"
        return "\n".join([f"{type(self).__name__}({self.extra_repr()}", *lines, ")"])


def buffer(array: Any) -> Tensor:
    """A tensor that is never trained."""
    return result(np.asarray(array))
