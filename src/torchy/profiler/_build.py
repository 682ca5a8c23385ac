"""From the log of a Recorder to FunctionEvents: nesting, self times, memory, shapes, forward-backward. Layer: torchy."""

from __future__ import annotations

from typing import Any

from ._events import EventList, FunctionEvent, Interval
from ._flops import count
from ._names import base_name
from ._record import END, NODE, OP, USER, Recorder, TensorInput

MEMORY_EVENT = "[memory]"
EVALUATE = "autograd::engine::evaluate_function: "
SCOPE_FUNCTION, SCOPE_BACKWARD, SCOPE_USER = 0, 1, 7  # PyTorch's numbers

_C_NAMES = {
    "float32": "float", "float64": "double", "float16": "c10::Half", "bfloat16": "c10::BFloat16", "int64": "long int",
    "int32": "int", "int16": "short int", "int8": "signed char", "uint8": "unsigned char", "bool": "bool",
    "complex64": "c10::complex<float>", "complex128": "c10::complex<double>",
}  # fmt: skip


class Span:
    """One operation, node or block between its begin and end."""

    __slots__ = ("kind", "name", "start", "end", "number", "parent", "inputs", "before", "after", "stack", "result")

    def __init__(self, entry: Any, parent: Span | None) -> None:
        self.kind, self.name, self.number, details, self.start = entry
        self.inputs: Any
        self.stack: Any
        self.before: int
        self.inputs, self.before, self.stack = details or (None, 0, None)
        self.parent = parent
        self.end = -1  # still open
        self.after = self.before
        self.result = None

    def close(self, time: int, memory: int, result: Any = None) -> None:
        self.end, self.after, self.result = time, memory, result


def _close(stack: list[Span], span: Span, time: int, memory: int, result: Any) -> None:
    """End `span`, nearly always the last of the stack.

    Named blocks opened inside may outlast it; an operation inside without an end was broken off by an interrupt.
    """
    place = stack.index(span)
    for inner in stack[place + 1 :]:
        if inner.kind != USER:
            inner.close(time, memory)
    stack[place:] = [inner for inner in stack[place + 1 :] if inner.kind == USER]
    span.close(time, memory, result)


def spans_of(recorder: Recorder) -> tuple[list[Span], dict[int, Span]]:
    """All spans in order of their begin, and for each sequence number the operation that made the node."""
    spans: list[Span] = []
    makers: dict[int, Span] = {}
    stack: list[Span] = []
    opened: dict[int, Span] = {}
    for index, entry in enumerate(recorder.log):
        if entry[0] != END:
            span = opened[index] = Span(entry, stack[-1] if stack else None)
            spans.append(span)
            stack.append(span)
            continue
        _, mark, number, details, time = entry
        span = opened.pop(mark)
        if span.end >= 0:
            continue
        _close(stack, span, time, *(details or (0, None)))
        if span.kind == OP and number >= recorder.first_nr:
            # Innermost operations end first, so the first to show a node made it. Those around it share the number;
            # a later one only handed the tensor on.
            maker = makers.setdefault(number, span)
            span.number = number if span.start <= maker.start else -1
    for span in spans:
        if span.end < 0:
            span.close(recorder.stopped, recorder.memory_at_stop)
    for span in spans:
        while span.parent is not None and span.parent.end < span.end:  # blocks that only overlap are not nested
            span.parent = span.parent.parent
    return _without_doubles(spans, makers), makers


def _without_doubles(spans: list[Span], makers: dict[int, Span]) -> list[Span]:
    """An operation that only forwards to another of the same name is one call (sum to sum.dim)."""
    children: dict[int, int] = {}
    for span in spans:
        if span.parent is not None:
            children[id(span.parent)] = children.get(id(span.parent), 0) + 1
    kept: list[Span] = []
    removed: dict[int, Span] = {}
    for span in spans:
        if span.parent is not None and id(span.parent) in removed:
            span.parent = removed[id(span.parent)]
        up = span.parent
        if up is not None and span.kind == up.kind == OP and base_name(span.name) == base_name(up.name):
            if children[id(up)] == 1:
                removed[id(span)] = up
                children[id(up)] = children.get(id(span), 0)
                continue
        kept.append(span)
    for number, maker in makers.items():
        while id(maker) in removed:
            maker = makers[number] = removed[id(maker)]
    return kept


def dims(value: Any) -> list[Any]:
    """Sizes of a tensor argument; [] for everything else."""
    return list(value.shape) if isinstance(value, TensorInput) else []


def _structured(value: Any, field: str) -> list[Any]:
    if isinstance(value, TensorInput):
        return list(getattr(value, field))
    if isinstance(value, list) and any(isinstance(item, TensorInput) for item in value):
        return [list(getattr(item, field)) if isinstance(item, TensorInput) else [] for item in value]
    return []


def _type_name(value: Any) -> str:
    if isinstance(value, TensorInput):
        return _C_NAMES.get(str(value.dtype).rpartition(".")[2], str(value.dtype))
    if isinstance(value, list):
        return "TensorList" if any(isinstance(item, TensorInput) for item in value) else "ScalarList"
    return "Scalar" if isinstance(value, (bool, int, float, complex)) else ""


def _concrete(value: Any) -> Any:
    """The argument's value; None for tensors."""
    tensors = isinstance(value, TensorInput) or (isinstance(value, list) and _type_name(value) == "TensorList")
    return None if tensors else value


def _lines(stack: Any) -> list[str]:
    return [f"{code.co_filename}({line}): {code.co_name}" for code, line in stack or ()]


class _Builder:
    def __init__(self, recorder: Recorder, with_flops: bool, origin: int, first_id: int) -> None:
        self.with_flops, self.origin = with_flops, origin
        self.events: list[FunctionEvent] = []
        self.next_id = first_id
        self.of: dict[int, FunctionEvent] = {}  # the (inner) event of a span
        self.counted: set[int] = set()  # spans whose operations are counted already
        self.spans, self.makers = spans_of(recorder)

    def event(self, span: Span, name: str, scope: int, parent: FunctionEvent | None) -> FunctionEvent:
        start, end = ((time - self.origin) / 1000 for time in (span.start, span.end))
        made = FunctionEvent(self.next_id, name, Interval(start, end), scope, span.number, span.after - span.before)
        made._live_bytes = span.after
        made.stack = _lines(span.stack)
        made.fwd_thread = 1 if span.kind == NODE and span.number >= 0 else 0
        made.is_user_annotation = span.kind == USER
        self.next_id += 1
        self.events.append(made)
        if parent is not None:
            made.cpu_parent = parent
            parent.cpu_children.append(made)
        return made

    def add(self, span: Span) -> None:
        parent = None if span.parent is None else self.of[id(span.parent)]
        if span.kind == NODE:
            self._add_node(span, parent)
        elif span.kind == USER:
            self.of[id(span)] = self.event(span, span.name, SCOPE_USER, parent)
        else:
            made = self.event(span, "aten::" + base_name(span.name), SCOPE_FUNCTION, parent)
            self.of[id(span)] = made
            if self.with_flops:
                self._add_flops(span, made)
            if span.inputs is not None:
                made.input_shapes = [dims(value) for value in span.inputs]
                made.structured_input_shapes = [_structured(value, "shape") for value in span.inputs]
                made.structured_input_strides = [_structured(value, "strides") for value in span.inputs]
                made.input_dtypes = [_type_name(value) for value in span.inputs]
                made.concrete_inputs = [_concrete(value) for value in span.inputs]

    def _add_node(self, span: Span, parent: FunctionEvent | None) -> None:
        accumulates = span.name.endswith("AccumulateGrad")
        name = "torch::autograd::AccumulateGrad" if accumulates else span.name
        span.number = -1 if accumulates else span.number  # it belongs to a leaf, not to an operation
        outer = self.event(span, EVALUATE + name, SCOPE_FUNCTION, parent)
        inner = self.of[id(span)] = self.event(span, name, SCOPE_BACKWARD, outer)
        maker = self.makers.get(span.number)
        if maker is not None and id(maker) in self.of:
            inner._forward = self.of[id(maker)]
            if maker.stack:  # who wrote the forward operation says more than who called backward
                outer.stack = inner.stack = _lines(maker.stack)

    def _add_flops(self, span: Span, made: FunctionEvent) -> None:
        if span.parent is not None and id(span.parent) in self.counted:
            self.counted.add(id(span))  # part of an operation that has been counted as a whole
            return
        made.flops = count(span.name, span.inputs, span.result)
        if made.flops:
            self.counted.add(id(span))

    def add_memory_outside(self, recorder: Recorder) -> None:
        """What changed between the outermost spans, mostly tensors that Python let go of."""
        before = recorder.memory_at_start
        for span in [span for span in self.spans if span.parent is None]:
            self._add_memory(span.start, span.before - before, span.before)
            before = span.after
        self._add_memory(recorder.stopped, recorder.memory_at_stop - before, recorder.memory_at_stop)

    def _add_memory(self, time: int, change: int, live: int) -> None:
        if change:
            at = (time - self.origin) / 1000
            made = FunctionEvent(self.next_id, MEMORY_EVENT, Interval(at, at), SCOPE_FUNCTION, -1, change)
            made._live_bytes = live
            self.next_id += 1
            self.events.append(made)


def events_of(recorder: Recorder, options: Any, origin: int, first_id: int = 1) -> EventList:
    """The events of a stopped recorder, in order of their begin, then memory changes outside of all of them.

    options: has profile_memory and with_flops. origin: perf_counter time in ns that counts as zero.
    """
    builder = _Builder(recorder, options.with_flops, origin, first_id)
    for span in builder.spans:
        builder.add(span)
    if options.profile_memory:
        builder.add_memory_outside(recorder)
    return EventList(builder.events, profile_memory=options.profile_memory, with_flops=options.with_flops)
