"""torchy.func.functional_call, stack_module_state: modules as functions of their parameters. Layer: torchy."""

from __future__ import annotations

from collections.abc import Sequence

from torchy import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Named = dict[str, Any]

__all__ = ["functional_call", "stack_module_state"]

Tensor = _C.Tensor
_ABSENT = object()  # what a module holds under a name that it does not have


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Named | Sequence[Named],
    args: Any = None,
    kwargs: Named | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """`module(*args, **kwargs)` with the given tensors in place of its parameters and buffers while it runs.

    parameter_and_buffer_dicts: from names, as in `named_parameters()`, to tensors; several dicts must have distinct
    names. Names left out keep the module's own values. A buffer that the module assigns while it runs is written to the
    dict, not the module. args: a tuple, or the only argument. tie_weights: a value given for one of several names of
    the same tensor stands for all of them. strict: RuntimeError unless the names are exactly the module's. ValueError
    for other things than dicts, repeated names and different values for tied names, TypeError for other values than
    tensors, AttributeError for names that lead to no module. Not for use by two threads with one module.
    """
    given = _merged(parameter_and_buffer_dicts)
    names = _tied(module, given) if tie_weights else dict(given)
    if strict:
        _check_names(module, names)
    places = {name: _place(module, name) for name in names}
    own: list[tuple[str, Any]] = []
    try:
        for name, value in names.items():
            own.append((name, _swap(places[name], name, value)))
        arguments = () if args is None else args if isinstance(args, tuple) else (args,)
        return module(*arguments, **(kwargs or {}))
    finally:
        for name, value in reversed(own):
            found = _swap(places[name], name, value)
            if name in given and found is not _ABSENT:
                given[name] = found


def _merged(dicts: Any) -> Named:
    """One dict of all; the caller's own where there is one, because results are written to it."""
    if isinstance(dicts, dict):
        return dicts
    if not isinstance(dicts, Sequence):
        raise ValueError(
            f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {type(dicts)}"
        )
    merged: Named = {}
    for one in dicts:
        if not isinstance(one, dict):
            raise ValueError(
                f"Expected all elements of parameter_and_buffer_dicts to be dictionaries, but got {type(one)}"
            )
        if repeated := [name for name in one if name in merged]:
            raise ValueError(
                f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous. "
                "Give every name once"
            )
        merged.update(one)
    return merged


def _own_tensors(module: Any) -> Named:
    """All names of parameters and buffers, also those that share one tensor."""
    return {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }


def _tied(module: Any, given: Named) -> Named:
    """`given`, and for names that share the module's tensor with one of it, the same value."""
    groups: dict[int, list[str]] = {}
    for name, tensor in _own_tensors(module).items():
        groups.setdefault(id(tensor), []).append(name)
    names = dict(given)
    for group in groups.values():
        values = [given[name] for name in group if name in given]
        if len(group) == 1 or not values:
            continue
        if any(value is not values[0] for value in values):
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(group)}, which are tied. "
                "Consider using tie_weights=False"
            )
        names.update(dict.fromkeys(group, values[0]))
    return names


def _check_names(module: Any, names: Named) -> None:
    own = _own_tensors(module)
    unexpected = [repr(name) for name in names if name not in own]
    missing = [repr(name) for name in own if name not in names]
    problems = [f"Unexpected key(s): {', '.join(unexpected)}."] if unexpected else []
    if missing:
        problems.append(f"Missing key(s): {', '.join(missing)}.")
    if problems:
        listed = "\n\t".join(problems)
        raise RuntimeError(f"Error(s) in reparametrizing for {type(module).__name__}:\n\t{listed}")


def _place(module: Any, name: str) -> tuple[Any, str]:
    """The submodule that holds the tensor called `name`, and its name there."""
    *path, last = name.split(".")
    for part in path:
        found = getattr(module, part, None)
        if not hasattr(found, "_parameters"):
            raise AttributeError(
                f"functional_call: {name!r} leads to no tensor: {type(module).__name__} has no module {part!r}"
            )
        module = found
    if not last:
        raise KeyError(f"functional_call: a tensor's name can't be empty, got {name!r}; name a parameter or buffer")
    return module, last


def _swap(place: tuple[Any, str], name: str, value: Any) -> Any:
    """Puts `value` under a name and returns what was there, `_ABSENT` if nothing."""
    module, last = place
    if value is not _ABSENT and value is not None and not isinstance(value, Tensor):
        raise TypeError(f"functional_call: {name!r} is given {value!r}, which is not a Tensor; give a Tensor")
    members = next((m for m in (module._parameters, module._buffers) if last in m), None)
    if members is None:
        members, old = module.__dict__, getattr(module, last, _ABSENT)
        if not (value is _ABSENT or old is _ABSENT or isinstance(old, Tensor)):
            raise TypeError(
                f"functional_call: {name!r} is {type(old)}, which is not a Tensor; name a parameter or buffer"
            )
    else:
        old = members[last]
    if value is _ABSENT:
        members.pop(last, None)
    else:
        members[last] = value
    return old


def stack_module_state(models: Any) -> tuple[Named, Named]:
    """The parameters and the buffers of several modules of one class, stacked: two dicts from name to tensor.

    A parameter of size `shape` becomes a new leaf of size `(len(models), *shape)` that requires grad if the parameters
    do, ready for an optimizer, and for vmap over `functional_call`. RuntimeError for no models, for models of different
    classes or modes (train, eval), and where only some of the parameters require grad.
    """
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if any(model.training != models[0].training for model in models):
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if any(type(model) is not type(models[0]) for model in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    return _stacked([dict(m.named_parameters()) for m in models]), _stacked([dict(m.named_buffers()) for m in models])


def _stacked(states: list[Named]) -> Named:
    return {name: _stacked_leaf([state[name] for state in states], name) for name in states[0]}


def _stacked_leaf(tensors: list[Tensor], name: str) -> Tensor:
    needs = tensors[0].requires_grad
    if any(t.requires_grad != needs for t in tensors):
        raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad; set it for all of them")
    stacked = _C.stack(tensors)
    return stacked.detach().requires_grad_() if needs else stacked
