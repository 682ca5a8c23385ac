# Reverse-mode differentiation in one file: torchy's tape with numbers in place of tensors, and none of its speed.
# Read it from the top; `python docs/tiny.py` prints the tour at the end. Needs Python's standard library only.
import cmath
import collections
import contextlib
import heapq
import itertools
import math

# 1. Nodes and edges. While the program runs, every operation leaves a Node behind. A node knows its rule (vjp, the
# vector-Jacobian product), the values that the rule will read, and one Edge per input, to the node that made that
# input. Edges lead from later nodes to earlier ones only, so there are no cycles. Nodes and edges are the tape.
Edge = collections.namedtuple("Edge", "node real")  # no node: the input is a constant; real: its gradient must be real
recording = True
numbers = itertools.count()


@contextlib.contextmanager
def set_grad_enabled(mode):
    global recording
    before, recording = recording, mode
    try:
        yield
    finally:
        recording = before


class Node:
    def __init__(self, name, vjp=None, edges=(), saved=(), variable=None):
        self.name, self.vjp, self.edges, self.saved, self.variable = name, vjp, edges, saved, variable
        self.number = next(numbers)  # a node always has a higher number than the nodes its edges lead to

    def apply(self, g, retain_graph):
        """The gradients of the inputs, given g, the gradient of the result."""
        if self.saved is None:
            raise RuntimeError(f"{self.name}: its saved values were freed; give the first backward retain_graph=True")
        for value, version in self.saved:
            if value.version != version:  # the rule would read a number that is no longer the one it was written for
                raise RuntimeError(f"{self.name}: a saved value is at version {value.version}; expected {version}")
        gradients = self.vjp(g, *(value for value, _ in self.saved))
        if self.saved and not retain_graph:
            self.saved = None
        return gradients


# 2. An operation that records itself. compute works on plain numbers. saves names what the rule reads: the inputs a
# and b, the result y. vjp(g, *saved) is written with operations on Values. That is all that second derivatives
# need: while recording is on (create_graph), the rules' own steps are recorded like any other.
def op(name, compute, saves, vjp):
    def call(*inputs):
        inputs = [as_value(x) for x in inputs]
        result = Value(compute(*(x.data for x in inputs)))
        if recording and any(x.node for x in inputs):
            named = {**dict(zip("ab", inputs)), "y": result}
            edges = [Edge(x.node, isinstance(x.data, float)) for x in inputs]
            result.node = Node(name, vjp, edges, [(named[s], named[s].version) for s in saves])
        return result

    return call


def as_value(x):
    return x if isinstance(x, Value) else Value(x)


def lib(x):
    return cmath if isinstance(x, complex) else math


class Value:
    """A number, and the node that made it. A leaf (requires_grad=True) has a node that collects its gradient."""

    def __init__(self, data, requires_grad=False):
        self.data, self.grad, self.version = data if isinstance(data, complex) else float(data), None, 0
        self.node = Node("AccumulateGrad", variable=self) if requires_grad else None

    # The rules. For real numbers conj() does nothing: read g * b.conj() as g * b. For complex ones, z = x + iy, the
    # gradient of a real L is dL/dx + i dL/dy, the direction in which L grows fastest. With this convention the rule
    # of a holomorphic f is g * conj(f'(z)); a real input of a complex operation gets the real part of that.
    __add__ = __radd__ = op("Add", lambda a, b: a + b, "", lambda g: (g, g))
    __sub__ = op("Sub", lambda a, b: a - b, "", lambda g: (g, -g))
    __rsub__ = op("Rsub", lambda a, b: b - a, "", lambda g: (-g, g))
    __mul__ = __rmul__ = op("Mul", lambda a, b: a * b, "ab", lambda g, a, b: (g * b.conj(), g * a.conj()))
    __truediv__ = op("Div", lambda a, b: a / b, "by", lambda g, b, y: (g / b.conj(), -g * (y / b).conj()))
    __neg__ = op("Neg", lambda a: -a, "", lambda g: (-g,))
    exp = op("Exp", lambda a: lib(a).exp(a), "y", lambda g, y: (g * y.conj(),))
    log = op("Log", lambda a: lib(a).log(a), "a", lambda g, a: (g / a.conj(),))
    tanh = op("Tanh", lambda a: lib(a).tanh(a), "y", lambda g, y: (g * (1 - y * y).conj(),))
    conj = op("Conj", lambda a: a.conjugate(), "", lambda g: (g.conj(),))
    real = op("Real", lambda a: a.real, "", lambda g: (g,))

    def detach(self):
        return Value(self.data)  # the same number without a node: here the graph is cut

    def add_(self, other):
        """In place: a new number and a new node, whose edge leads to the old one. The version goes up, and nodes that
        saved the old number notice. Without recording (an optimizer's step) the node stays as it was."""
        if recording and self.node and self.node.variable:
            raise RuntimeError("add_: this leaf requires grad; change it under set_grad_enabled(False)")
        result = self + other
        self.data, self.version = result.data, self.version + 1
        if recording:
            self.node = result.node
        return self

    def backward(self, seed=None, retain_graph=None, create_graph=False):
        """Add the gradients of this value to the .grad of the leaves it was computed from."""
        with set_grad_enabled(create_graph):
            for node, g in run(self, seed, create_graph if retain_graph is None else retain_graph).items():
                if leaf := node.variable:
                    leaf.grad = g if leaf.grad is None else leaf.grad + g


# 3. The engine. A node may run once everything that used its result has run: only then is its gradient complete.
# Whatever used it was recorded later, so "the highest number first" is such an order. Where several edges lead to
# one node their gradients are added, as the chain rule sums over all paths, and the sum is passed on once.
def run(root, seed, retain_graph):
    """The gradient of root with respect to the result of every node it depends on."""
    if root.node is None or (seed is None and isinstance(root.data, complex)):
        raise RuntimeError("backward: needs a value with history, and a seed where the value is complex")
    gradients = {root.node: as_value(1.0 if seed is None else seed)}
    queue = [(-root.node.number, root.node)]
    while queue:
        node = heapq.heappop(queue)[1]
        for edge, g in zip(node.edges, node.apply(gradients[node], retain_graph) if node.edges else ()):
            g = g.real() if edge.real else g
            if edge.node in gradients:
                gradients[edge.node] = gradients[edge.node] + g
            elif edge.node:
                gradients[edge.node] = g
                heapq.heappush(queue, (-edge.node.number, edge.node))
    return gradients


def grad(output, inputs, seed=None, retain_graph=None, create_graph=False):
    """The gradients of output with respect to inputs; None for those it does not depend on. No .grad changes."""
    with set_grad_enabled(create_graph):
        gradients = run(output, seed, create_graph if retain_graph is None else retain_graph)
    return [gradients.get(x.node) for x in inputs]


# 4. Forward mode. A dual number carries its derivative, the tangent, along and needs no tape. One pass gives all
# results' derivatives in one direction; a backward pass gives one result's with respect to all inputs. Both parts
# are Values: differentiate the tangent by the tape and you have a second derivative, "reverse over forward".
class Dual:
    def __init__(self, value, tangent=0.0):
        self.value, self.tangent = as_value(value), as_value(tangent)

    def __add__(self, o):
        return Dual(self.value + o.value, self.tangent + o.tangent)

    def __sub__(self, o):
        return Dual(self.value - o.value, self.tangent - o.tangent)

    def __mul__(self, o):
        return Dual(self.value * o.value, self.tangent * o.value + self.value * o.tangent)

    def __truediv__(self, o):
        return Dual(self.value / o.value, (self.tangent - self.value / o.value * o.tangent) / o.value)


# 5. The tour.
def worked_example(a, b):
    return (a * b) - ((b / a) + b)


def main():
    a, b = Value(2, requires_grad=True), Value(43, requires_grad=True)
    c = worked_example(a, b)
    da, db = grad(c, [a, b], create_graph=True)
    print(f"(a*b) - ((b/a) + b) at a=2, b=43: {c.data}; gradient {da.data}, {db.data}")
    print(f"second derivative along a, -2b/a^3: {grad(da, [a])[0].data}")
    print(f"first derivative along a, forward mode: {worked_example(Dual(2, 1), Dual(43)).tangent.data}")
    z = Value(3 + 4j, requires_grad=True)
    (z * z.conj()).real().backward()
    print(f"gradient of |z|^2 at 3+4i, 2z: {z.grad.data}")
    square = c * c
    c.add_(1)
    try:
        square.backward()
    except RuntimeError as error:
        print(f"after a change in place: {error}")
    # A network of 2, 4 and 1 tanh units learns XOR of -1 (false) and 1 (true), which is -p * q.
    weights = [Value(math.sin(9 * i), requires_grad=True) for i in range(17)]
    hidden, out = [weights[i : i + 3] for i in range(0, 12, 3)], weights[12:]
    for _ in range(300):
        loss = 0
        for p, q in [(-1, -1), (-1, 1), (1, -1), (1, 1)]:
            layer = [(u * p + v * q + w).tanh() for u, v, w in hidden]
            miss = (sum(w * h for w, h in zip(out, layer)) + out[4]).tanh() + p * q
            loss = loss + miss * miss
        for w, g in zip(weights, grad(loss, weights)):
            with set_grad_enabled(False):
                w.add_(-0.1 * g)
    print(f"XOR, loss after 300 steps: {loss.data:.4f}")


if __name__ == "__main__":
    main()
