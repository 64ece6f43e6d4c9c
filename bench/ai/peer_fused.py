"""The operations of fused.c and the products of product.c by PyTorch: eager and compiled, into memory that is there
already where PyTorch can (out=, or copy_, which the compiled form fuses)."""

import math
import shutil

import numpy
import torch
import torch.nn.functional as F


class Work:
    def __init__(self, mode, run, results):
        self.mode, self.run, self.results = f"PyTorch {torch.__version__} ({mode})", run, results

    def check(self):
        self.run()
        results = [torch.as_tensor(r).detach() for r in self.results()]
        return numpy.concatenate([numpy.ascontiguousarray(r.numpy(), numpy.float32).reshape(-1) for r in results])


class Data:
    def __init__(self, path):
        self.file = open(path, "rb")

    def take(self, *shape, kind=numpy.float32):
        return torch.from_numpy(numpy.fromfile(self.file, kind, math.prod(shape)).reshape(shape))


def both(name, eager, into, arguments, outputs, results=None):
    """`into` writes all its outputs; compiled, it is one piece."""
    made = [Work("eager" + name, lambda: eager(*arguments, *outputs), results or (lambda: outputs))]
    if shutil.which("g++"):
        compiled = torch.compile(into, dynamic=False)
        made.append(Work("compiled" + name, lambda: compiled(*arguments, *outputs), results or (lambda: outputs)))
    return made


def ln_gelu_by(how):
    def works(data, rows, columns):
        x, scale, shift = data.take(rows, columns), data.take(columns), data.take(columns)

        def eager(x, scale, shift, y):
            torch.ops.aten.gelu.out(F.layer_norm(x, (columns,), scale, shift), approximate=how, out=y)

        def into(x, scale, shift, y):
            y.copy_(F.gelu(F.layer_norm(x, (columns,), scale, shift), approximate=how))

        return both("", eager, into, (x, scale, shift), (torch.empty_like(x),))

    return works


def residual_ln(data, rows, columns):
    x, r, scale, shift = data.take(rows, columns), data.take(rows, columns), data.take(columns), data.take(columns)
    kept = []

    def eager(x, r, scale, shift, total, y):
        torch.add(x, r, out=total)
        kept[:] = [total, F.layer_norm(total, (columns,), scale, shift)]  # it has no out=

    def into(x, r, scale, shift, total, y):
        z = x + r
        total.copy_(z)
        y.copy_(F.layer_norm(z, (columns,), scale, shift))

    outputs = torch.empty_like(x), torch.empty_like(x)
    works = both("", eager, into, (x, r, scale, shift), outputs)
    works[0].results = lambda: kept
    return works


def mask_softmax(data, rows, columns):
    x, hidden = data.take(rows, columns), data.take(rows, columns, kind=numpy.bool_)
    scores = torch.empty_like(x)

    def eager(x, hidden, y):
        torch.mul(x, 0.125, out=scores)
        torch.softmax(scores.masked_fill_(hidden, -torch.inf), -1, out=y)

    def into(x, hidden, y):
        y.copy_(torch.softmax((x * 0.125).masked_fill(hidden, -torch.inf), -1))

    return both("", eager, into, (x, hidden), (torch.empty_like(x),))


def cross_entropy(data, rows, columns):
    x, label = data.take(rows, columns).requires_grad_(), data.take(rows, kind=numpy.int32).long()
    kept = []

    def by(loss_of):
        def run():
            x.grad = None
            loss = loss_of(x, label)
            loss.backward()
            kept[:] = [loss, x.grad]

        return run

    made = [Work("eager", by(F.cross_entropy), lambda: kept)]
    if shutil.which("g++"):
        loss, gradient, given = torch.empty(()), torch.empty_like(x).detach(), x.detach()

        def into(x, label, loss, gradient):
            g, l = torch.func.grad_and_value(F.cross_entropy)(x, label)
            loss.copy_(l)
            gradient.copy_(g)

        one = torch.compile(into, dynamic=False)
        made.append(Work("compiled", by(torch.compile(lambda x, y: F.cross_entropy(x, y), dynamic=False)), lambda: kept))
        made.append(Work("compiled, both ways as one", lambda: one(given, label, loss, gradient), lambda: (loss, gradient)))
    return made


def bn_relu_add(data, rows, columns):
    shape = rows * columns // (32 * 32 * 16), 32, 32, 16
    x, r, scale, shift = data.take(*shape), data.take(*shape), data.take(16), data.take(16)

    def norm(x, scale, shift):
        return F.batch_norm(x, None, None, scale, shift, training=True, eps=1e-5)

    def eager(x, r, scale, shift, y):
        torch.add(F.relu_(norm(x, scale, shift)), r, out=y)

    def into(x, r, scale, shift, y):
        y.copy_(F.relu(norm(x, scale, shift)) + r)

    made = []
    for name, order in ((", channels_last", torch.channels_last), (", NCHW", torch.contiguous_format)):
        a, b = (t.permute(0, 3, 1, 2).contiguous(memory_format=order) for t in (x, r))
        y = torch.empty_like(a)
        made += both(name, eager, into, (a, b, scale, shift), (y,), lambda y=y: (y.permute(0, 2, 3, 1),))
    return made


def adamw(data, rows, columns):
    begin, gradient = data.take(rows, columns), data.take(rows, columns)
    made = []
    for mode in ("fused", "foreach"):
        p = begin.clone().requires_grad_()
        p.grad = gradient
        made.append(Steps(mode, p, begin, torch.optim.AdamW([p], lr=0.001, **{mode: True})))
    return made


class Steps(Work):
    """Steps of an optimiser; the first is the one that is compared."""

    def __init__(self, mode, p, begin, optimiser):
        super().__init__(mode, optimiser.step, lambda: [p])
        self.p, self.begin, self.optimiser = p, begin, optimiser

    def check(self):
        with torch.no_grad():
            self.p.copy_(self.begin)
        self.optimiser.state.clear()
        return super().check()


FUSED = {
    "ln_gelu": ln_gelu_by("tanh"),
    "ln_gelu_erf": ln_gelu_by("none"),
    "residual_ln": residual_ln,
    "mask_softmax": mask_softmax,
    "cross_entropy_50257": cross_entropy,
    "bn_relu_add": bn_relu_add,
    "adamw": adamw,
}


def fused(name, data, rows, columns):
    return FUSED[name.split(".")[2]](Data(data), int(rows), int(columns))


def product(name, data, m, n, k):
    data, m, n, k = Data(data), int(m), int(n), int(k)
    if name.endswith("_dw"):
        x, y, out = data.take(m, k), data.take(m, n), torch.empty(n, k)
        a, b = y.t(), x
    elif name.endswith("_dx"):
        a, b, out = data.take(m, n), data.take(n, k), torch.empty(m, k)
    else:
        a, b, out = data.take(m, k), data.take(n, k).t(), torch.empty(m, n)
    return [Work("mm, out=", lambda: torch.mm(a, b, out=out), lambda: (out,))]
