"""Short programs as users write them, each run by torchy and by PyTorch: the same results, dtypes and errors.

A program is text: statements separated by newlines or ';', the last one an expression, whose value is compared.
"""

from __future__ import annotations

import ast
import re
import warnings

import numpy as np
import pytest

import torchy
from tests.parity._same import same

pytorch = pytest.importorskip("torch")

MAKING = r"""
torch.tensor([1, 2]), torch.tensor([1.0]), torch.tensor(True), torch.tensor(1j), torch.tensor([])
torch.tensor([[1, 2], [3, 4]], dtype=torch.float64, device='cpu', requires_grad=True)
torch.zeros(2, 3), torch.zeros((2, 3)), torch.zeros([2, 3]), torch.zeros(size=(2, 3)), torch.zeros(())
torch.ones(2, dtype=torch.int), torch.ones(2, 3, requires_grad=True).requires_grad
torch.full((2, 2), 7), torch.full((2,), 1.5), torch.full(size=(1,), fill_value=True)
torch.empty(0), torch.empty(2, 0, 3).shape, torch.empty((3,), dtype=torch.bool).dtype
torch.arange(5), torch.arange(1, 5), torch.arange(1, 2, 0.25), torch.arange(start=0, end=6, step=2)
torch.arange(3.0), torch.arange(3, dtype=torch.float32), torch.arange(0, 3, 1, dtype=torch.int16)
torch.linspace(0, 1, 5), torch.linspace(0, 1, steps=3), torch.linspace(start=-1, end=1, steps=4, dtype=torch.float64)
torch.logspace(0, 2, 3), torch.eye(3), torch.eye(2, 3), torch.eye(n=2, dtype=torch.int64)
x = torch.ones(2, 3, dtype=torch.float64); torch.zeros_like(x), torch.ones_like(x, dtype=torch.int32), torch.full_like(x, 3)
x = torch.ones(2, 3); torch.empty_like(x).shape, torch.rand_like(x).shape, torch.randn_like(x).dtype
x = torch.ones(2, dtype=torch.int8); x.new_zeros(3), x.new_ones((2, 2)), x.new_full((2,), 4), x.new_tensor([1.5, 2.5])
x = torch.ones(2); x.new_empty(3).shape, x.new_zeros((2,), dtype=torch.int64)
torch.from_numpy(np.arange(6).reshape(2, 3)), torch.as_tensor([1, 2]), torch.as_tensor(np.ones(2))
a = np.zeros(3); t = torch.from_numpy(a); t[0] = 5; a.tolist()
t = torch.zeros(3); t.numpy()[1] = 4; t
torch.Tensor([1, 2]), torch.Tensor(2, 3).shape, torch.FloatTensor([1, 2]), torch.LongTensor([1, 2])
torch.rand(3).shape, torch.randn(2, 3).shape, torch.rand((2,)).dtype, torch.randint(10, (4,)).dtype, torch.randint(0, 5, (2, 2)).shape
torch.manual_seed(3); torch.rand(4), torch.randn(3), torch.randint(0, 10, (5,)), torch.randperm(6)
torch.manual_seed(3); torch.rand(2, generator=torch.Generator().manual_seed(1)), torch.bernoulli(torch.full((4,), 0.5))
torch.tril_indices(3, 3), torch.triu_indices(2, 3, offset=1), torch.vander(torch.tensor([1, 2, 3]))
torch.scalar_tensor(3.0), torch.scalar_tensor(2, dtype=torch.int64), torch.asarray([1, 2]), torch.range(1, 4)
torch.complex(torch.ones(2), torch.zeros(2)), torch.polar(torch.ones(2), torch.zeros(2))
torch.get_default_dtype(), torch.tensor(1.0).dtype, (torch.ones(2, dtype=torch.int64) / 2).dtype
torch.set_default_dtype(torch.float64); d = torch.tensor(1.0).dtype, torch.ones(1).dtype; torch.set_default_dtype(torch.float32); d
torch.one_hot if False else torch.nn.functional.one_hot(torch.tensor([0, 2, 1]), num_classes=3)
torch.tensor(np.float32(2)), torch.tensor(np.int64(3)), torch.tensor([np.float64(1), 2])
torch.tensor(torch.ones(2).tolist()), torch.tensor((1, 2.5)), torch.tensor(range(3))
torch.block_diag(torch.ones(2, 2), torch.ones(1, 3)), torch.diag(torch.tensor([1, 2])), torch.diag_embed(torch.ones(2, 2))
"""

ASKING = r"""
x = torch.zeros(2, 3, 4); x.size(), x.size(0), x.size(-1), x.size(dim=1), x.shape, x.shape[1], x.shape[-2:]
x = torch.zeros(2, 3, 4); x.dim(), x.ndim, x.ndimension(), x.numel(), x.nelement(), torch.numel(x), len(x)
x = torch.zeros(2, 3, 4); x.stride(), x.stride(1), x.storage_offset(), x.is_contiguous(), x.T.is_contiguous() if False else x.mT.is_contiguous()
s = torch.Size([2, 3]); s == (2, 3), s.numel(), s + (4,), s[0], len(s), list(s), str(s), isinstance(s, tuple), s * 2
s = torch.zeros(2, 3).shape; a, b = s; a * b, (4, *s), torch.Size(s), torch.Size((1,)) + torch.Size((2,))
torch.Size([1, 2]), type(torch.Size([1]) + (2,)).__name__, hash(torch.Size([1, 2])) == hash((1, 2)), torch.Size()
x = torch.zeros(2); x.dtype, x.device.type, str(x.device), x.requires_grad, x.is_leaf, x.grad, x.grad_fn, x.layout
x = torch.zeros(2); x.dtype == torch.float32, x.dtype is torch.float, x.dtype in (torch.float16, torch.float32), str(x.dtype)
torch.float32.is_floating_point, torch.int8.is_signed, torch.complex64.is_complex, torch.float64.itemsize
x = torch.zeros(2); x.element_size(), x.nbytes, x.itemsize, x.is_cuda, x.is_sparse, x.is_quantized, x.is_meta
x = torch.zeros(2); x.is_floating_point(), torch.is_floating_point(x), x.is_complex(), torch.is_complex(x), x.is_signed()
torch.is_tensor(torch.zeros(1)), torch.is_tensor([1]), torch.is_tensor(1), isinstance(torch.zeros(1), torch.Tensor)
torch.is_nonzero(torch.tensor(2.0)), bool(torch.tensor([0])), bool(torch.tensor(True)), not torch.tensor(0.0)
int(torch.tensor(3.7)), float(torch.tensor(3)), complex(torch.tensor(1.5)), range(5)[torch.tensor(2)], [1, 2, 3][torch.tensor(1)]
torch.tensor(2.5).item(), torch.tensor([3]).item(), torch.tensor(True).item(), torch.tensor(1j).item(), type(torch.tensor(1).item()).__name__
torch.tensor([[1, 2], [3, 4]]).tolist(), torch.tensor(5).tolist(), torch.zeros(0).tolist(), torch.zeros(2, 0).tolist()
torch.device('cpu'), torch.device('cpu').type, torch.device('cpu') == torch.device('cpu'), str(torch.device('cpu')), torch.device('cpu').index
torch.zeros(2, device=torch.device('cpu')).device == torch.device('cpu'), hash(torch.device('cpu')) == hash(torch.device('cpu'))
f = torch.finfo(torch.float32); f.eps, f.max, f.min, f.tiny, f.bits, f.resolution, f.smallest_normal, f.dtype
i = torch.iinfo(torch.int64); i.max, i.min, i.bits, i.dtype, torch.iinfo(torch.uint8).max, torch.finfo(torch.float64).eps
torch.finfo(torch.bfloat16).eps, torch.finfo(torch.float16).max, torch.finfo().bits
torch.inf, torch.pi, torch.nan != torch.nan, torch.e, torch.newaxis
torch.promote_types(torch.int8, torch.float16), torch.can_cast(torch.float32, torch.int32), torch.result_type(torch.tensor([1]), 2.5)
x = torch.zeros(3); x.type(), x.type(torch.float64), x.type('torch.IntTensor'), x.long().type(), x.bool().type()
torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.get_num_threads() > 0
x = torch.zeros(2, 3); x.data_ptr() == x.view(-1).data_ptr(), x.untyped_storage().nbytes(), x.untyped_storage().size()
torch.equal(torch.ones(2), torch.ones(2)), torch.equal(torch.ones(2), torch.ones(3)), torch.ones(2).equal(torch.zeros(2))
torch.allclose(torch.ones(2), torch.ones(2) + 1e-9), torch.allclose(torch.ones(2), torch.zeros(2), rtol=0.1, atol=2), torch.ones(2).allclose(torch.zeros(2))
torch.allclose(torch.tensor([torch.nan]), torch.tensor([torch.nan])), torch.allclose(torch.tensor([torch.nan]), torch.tensor([torch.nan]), equal_nan=True)
torch.isclose(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.1])), torch.isclose(torch.tensor([torch.inf]), torch.tensor([torch.inf]))
torch.zeros(2).is_same_size(torch.ones(2)), torch.zeros(2).get_device(), torch.zeros(2).is_cpu, torch.zeros(2).is_pinned()
torch.typename(torch.zeros(2)), torch.zeros(1).is_conj(), torch.is_conj(torch.zeros(1)), torch.zeros(1).is_neg()
torch.zeros(2).dim_order() if hasattr(torch.zeros(2), 'dim_order') else (0,)
torch.is_storage(torch.zeros(1)), torch.is_signed(torch.zeros(1)), torch.is_same_size(torch.zeros(1), torch.zeros(2)), torch.is_inference(torch.zeros(1))
torch.cuda.is_available(), torch.backends.mps.is_available() and False
repr(torch.tensor([1.0, 2.0])), str(torch.zeros(2, 2)), f'{torch.tensor(1.5):.2f}', '%.3f' % torch.tensor(2.0), '{}'.format(torch.tensor(3))
"""

PYTHON = r"""
[int(v) for v in torch.arange(3)], [r.tolist() for r in torch.ones(2, 2)], list(torch.arange(2)), tuple(torch.arange(2))
a, b = torch.tensor([1, 2]); a, b
first, *rest = torch.arange(4); first, rest
for i, row in enumerate(torch.arange(4).view(2, 2)): last = (i, row)
(torch.tensor([1]) == None), (torch.tensor([1]) != None)
torch.tensor([1, 2]) == [1, 2]
torch.tensor([1, 2]) == 'a'
2 in torch.tensor([1, 2]), 5 in torch.tensor([1, 2]), torch.tensor(2) in torch.tensor([1, 2])
x = torch.zeros(1); y = torch.ones(1); x in [x, y], [x, y].index(x), {x: 1, y: 2}[x], len({x, y, x})
x = torch.zeros(2); x is x, id(x) == id(x), hash(x) == hash(x), {id(x): 1}[id(x)]
import copy; x = torch.arange(3.0); y = copy.copy(x); z = copy.deepcopy(x); x[0] = 9; y, z
import copy; x = torch.ones(2, requires_grad=True); d = copy.deepcopy({'w': x, 'v': x}); d['w'] is d['v'], d['w'].requires_grad, d['w'] is x
import pickle; x = pickle.loads(pickle.dumps(torch.arange(4.0).view(2, 2))); x, x.requires_grad
sum([torch.tensor(1.0), torch.tensor(2.0)]), sum(torch.arange(4)), max(torch.tensor([1, 3, 2])), min(torch.tensor(1), torch.tensor(2))
sorted(torch.tensor([3, 1, 2])), abs(torch.tensor(-2)), round(torch.tensor(2.567), decimals=1) if False else torch.round(torch.tensor(2.567), decimals=1)
-torch.tensor(1), +torch.tensor(1), ~torch.tensor(True), ~torch.tensor(5), torch.tensor(7) // 2, torch.tensor(-7) % 3, 2 ** torch.tensor(3)
1 + torch.tensor(1), 1 - torch.tensor(3), 2 / torch.tensor(4), 7 // torch.tensor(2), 7 % torch.tensor(4), 1 << torch.tensor(3)
x = torch.ones(2); y = x; x += 1; y, x is y
x = torch.ones(2); y = x; x = x + 1; y
x = torch.tensor([1.0, 2.0]); x -= 1; x *= 3; x /= 2; x **= 2; x
x = torch.tensor([5, 7]); x //= 2; x %= 2; x <<= 3; x |= 1; x ^= 2; x &= 7; x
torch.tensor([1, 2]) < 2, 1 < torch.tensor([1, 2]), torch.tensor([1, 2]) >= torch.tensor([2, 2]), torch.tensor(1) == 1.0
torch.tensor([True, False]) & torch.tensor([True, True]), torch.tensor([True]) | False, torch.tensor([True]) ^ torch.tensor([True])
torch.ones(2, 2) @ torch.ones(2), torch.ones(2) @ torch.ones(2), torch.ones(3, 2, 2) @ torch.ones(2, 2)
np.ones(2) + torch.ones(2), type(np.ones(2) + torch.ones(2)).__name__ if False else 0
torch.ones(2) + np.float64(1.5), np.float32(2) * torch.ones(2), torch.ones(2, dtype=torch.int64) * np.int32(3)
np.asarray(torch.arange(3)).tolist(), np.array(torch.ones(2)).dtype.name, np.mean(torch.tensor([1.0, 3.0]).numpy())
np.sum(torch.ones(3).numpy()), torch.ones(2, requires_grad=True).detach().numpy().tolist()
torch.arange(3).numpy().dtype.name, torch.zeros(2, dtype=torch.bool).numpy().dtype.name, torch.tensor(3).numpy().shape
bool((torch.ones(2) == 1).all()), (torch.ones(2) > 0).any().item(), all(torch.ones(2) > 0), any(torch.zeros(2) > 0)
x = torch.ones(2); x.foo = 3; x.foo
isinstance(torch.nn.Parameter(torch.ones(2)), torch.Tensor), torch.nn.Parameter(torch.ones(2)).requires_grad
reversed(torch.arange(3)).tolist() if hasattr(reversed(torch.arange(3)), 'tolist') else [int(v) for v in reversed(torch.arange(3))]
list(zip(torch.arange(2), torch.arange(2, 4))), dict(a=torch.ones(1))['a'], list(map(float, torch.arange(2)))
torch.tensor([1.0, 2.0]).tolist() == [1.0, 2.0], str(torch.tensor(3).item()), '%d' % torch.tensor(3), range(torch.tensor(3).item())
"""

GEOMETRY = r"""
x = torch.arange(6).view(2, 3); x.T, x.t(), x.mT, x.transpose(0, 1), x.permute(1, 0), x.swapaxes(0, 1), torch.transpose(x, 0, 1), x.transpose(dim0=0, dim1=1)
x = torch.arange(6); x.view(2, 3), x.view((2, 3)), x.view(-1, 2), x.reshape(3, 2), x.reshape((3, -1)), torch.reshape(x, (2, 3)), torch.reshape(input=x, shape=(6, 1))
x = torch.arange(8).view(2, 2, 2); x.flatten(), x.flatten(1), x.flatten(start_dim=1), torch.flatten(x, 0, 1), x.ravel(), x.unflatten(0, (1, 2)).shape
x = torch.zeros(1, 2, 1); x.squeeze().shape, x.squeeze(0).shape, x.squeeze(dim=-1).shape, x.squeeze((0, 2)).shape, x.unsqueeze(0).shape, torch.unsqueeze(x, dim=-1).shape
x = torch.arange(3); x[None].shape, x[:, None].shape, x[..., None].shape, x[None, :].expand(2, -1), x.expand(2, 3), x.expand((2, 3)), x.broadcast_to((2, 3))
x = torch.arange(3); x.repeat(2), x.repeat(2, 1), x.repeat((2, 2)), x.tile((2,)), torch.tile(x, (2, 2)), x.repeat_interleave(2), torch.repeat_interleave(x, torch.tensor([1, 0, 2]))
x = torch.arange(6).view(2, 3); x.flip(0), x.flip(0, 1), x.flip((1,)), torch.flip(x, dims=[1]), x.fliplr(), torch.flipud(x), x.rot90(), torch.roll(x, 1), x.roll(1, 0), x.roll(shifts=(1, 1), dims=(0, 1))
x = torch.arange(6); x.chunk(2), torch.chunk(x, 4), x.split(4), x.split([1, 5]), torch.split(x, 2, dim=0), torch.tensor_split(x, 4), x.unbind()[0], torch.unbind(x.view(2, 3), dim=1)
x = torch.arange(4).view(2, 2); torch.cat([x, x]), torch.cat((x, x), dim=1), torch.cat([x, x], axis=-1), torch.concat([x, x]), torch.concatenate([x, x], 1), torch.stack([x, x]), torch.stack((x, x), dim=-1)
x = torch.arange(2); torch.hstack([x, x]), torch.vstack([x, x]), torch.dstack((x, x)), torch.column_stack((x, x)), torch.row_stack((x, x)) if False else 0
x = torch.arange(9).view(3, 3); x.tril(), x.triu(1), torch.tril(x, diagonal=-1), x.diagonal(), x.diag(), torch.diag(x, 1), x.trace(), torch.diagonal(x, offset=1), x.diagonal(dim1=0, dim2=1)
x = torch.zeros(2, 3, 4); x.movedim(0, -1).shape, torch.moveaxis(x, 0, 1).shape, x.permute(dims=(2, 0, 1)).shape, x.narrow(1, 0, 2).shape, x.select(0, 1).shape, x.unfold(2, 2, 1).shape
x = torch.zeros(1, 3); x.squeeze_(); x.shape, x.unsqueeze_(1).shape, x.t_().shape, x.transpose_(0, 1).stride(), x.swapaxes_(0, 1).shape, x.shape
x = torch.arange(6.0, requires_grad=True) * 2; x = x.view(2, 3).clone(); y = x.t_(); y is x, x.shape, x.grad_fn.name()[:9]
w = torch.arange(6.0, requires_grad=True); x = (w * 2).view(2, 3).clone(); x.transpose_(0, 1); (x * torch.arange(6.0).view(3, 2)).sum().backward(); w.grad
w = torch.arange(3.0, requires_grad=True); x = w * 2; x.unsqueeze_(0); (x * x).sum().backward(); w.grad, x.shape
w = torch.arange(6.0, requires_grad=True); b = (w * 2).view(2, 3).clone(); v = b[0]; v.unsqueeze_(-1); v.mul_(3); (b * b).sum().backward(); w.grad
torch.atleast_1d(torch.tensor(1)).shape, torch.atleast_2d(torch.tensor(1)).shape, torch.atleast_3d(torch.ones(2)).shape, torch.broadcast_shapes((2, 1), (3,))
a, b = torch.broadcast_tensors(torch.ones(2, 1), torch.ones(3)); a.shape, b.shape
torch.meshgrid(torch.arange(2), torch.arange(3), indexing='ij'), torch.meshgrid([torch.arange(2), torch.arange(3)], indexing='xy'), torch.cartesian_prod(torch.arange(2), torch.arange(2))
torch.combinations(torch.arange(4)), torch.combinations(torch.arange(3), 2, with_replacement=True)
x = torch.arange(6).view(2, 3); x.view_as(torch.zeros(3, 2)), x.reshape_as(torch.zeros(6)), x.expand_as(torch.zeros(2, 2, 3)), x.contiguous().is_contiguous(), x.T.contiguous().stride(), x.clone().stride(), x.T.clone().stride()
x = torch.zeros(2, 3); x.as_strided((2, 2), (1, 1)), torch.as_strided(x, (2,), (3,), 1), x.view(torch.int32), x.real is x, torch.view_as_real(torch.zeros(2, dtype=torch.complex64)).shape
torch.nn.functional.pad(torch.ones(2, 2), (1, 1)), torch.nn.functional.pad(torch.ones(2), (0, 2), value=5), torch.nn.functional.pad(torch.ones(1, 2), (0, 0, 1, 0), mode='constant')
"""

INDEXING = r"""
x = torch.arange(12).view(3, 4); x[0], x[0, 1], x[-1], x[1:], x[:, 1], x[::2, 1:3], x[..., -1], x[None, 0], x[[0, 2]], x[torch.tensor([0, 2])], x[x > 5]
x = torch.arange(12).view(3, 4); x[[0, 1], [1, 2]], x[:, [0, 3]], x[torch.tensor([[0], [1]]), torch.tensor([0, 1])], x[x[:, 0] > 0], x[1, ...], x[True].shape, x[torch.tensor(1)]
x = torch.zeros(3, 3); x[0] = 1; x[:, 1] = torch.tensor([4.0, 5.0, 6.0]); x[1, 2] = 7; x[x == 0] = -1; x[[0, 2], [0, 2]] = 9; x
x = torch.arange(5); x[1:3] = 0; x[-1] += 10; x[x > 3] *= 2; x
x = torch.zeros(2, 2); x[0][1] = 5; y = x[0]; y += 1; x
x = torch.zeros(3); x[torch.tensor([0, 2])] += 1; x.index_add_(0, torch.tensor([0, 0]), torch.ones(2)); x
x = torch.arange(6.0).view(2, 3); x.gather(1, torch.tensor([[0, 2], [1, 1]])), torch.gather(x, dim=1, index=torch.tensor([[0], [1]])), x.index_select(0, torch.tensor([1, 0])), torch.index_select(x, 1, torch.tensor([2])), x.take(torch.tensor([0, 5]))
x = torch.zeros(2, 3); x.scatter_(1, torch.tensor([[0], [2]]), 1.0), x.scatter(1, torch.tensor([[1], [1]]), torch.ones(2, 1)), x.scatter_add(0, torch.tensor([[0, 0, 1]]), torch.ones(1, 3))
x = torch.arange(6.0).view(2, 3); x.masked_fill(x > 2, 0), x.masked_fill_(x < 1, -1), x.masked_select(x > 2), torch.masked_select(x, x > 2), torch.where(x > 2, x, 0.0), torch.where(x > 2, x, torch.zeros(())), x.where(x > 2, 0)
x = torch.tensor([0, 1, 0, 2]); torch.nonzero(x), x.nonzero(), x.nonzero(as_tuple=True), torch.nonzero(x, as_tuple=True), torch.where(x > 0), torch.argwhere(x), torch.count_nonzero(x), (x > 0).nonzero().squeeze(-1)
x = torch.tensor([3, 1, 3, 2]); torch.unique(x), x.unique(), torch.unique(x, return_counts=True), torch.unique(x, return_inverse=True), torch.unique(x, sorted=True, return_inverse=True, return_counts=True)
x = torch.tensor([[1, 2], [1, 2], [0, 1]]); torch.unique(x, dim=0), torch.unique(x, dim=0, return_inverse=True, return_counts=True), torch.unique(x, dim=1)
torch.unique_consecutive(torch.tensor([1, 1, 2, 2, 1])), torch.unique_consecutive(torch.tensor([1, 1, 2]), return_counts=True), torch.tensor([1, 1]).unique_consecutive()
torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([2, 3])), torch.bucketize(torch.tensor([2, 3]), torch.tensor([1, 3, 5])), torch.bincount(torch.tensor([0, 1, 1]))
x = torch.zeros(3, dtype=torch.long); x[0] = 2.7; x
x = torch.arange(4.0); x.index_fill(0, torch.tensor([1]), 9), x.index_copy(0, torch.tensor([0]), torch.tensor([5.0])), x.index_put((torch.tensor([0]),), torch.tensor(7.0)), torch.take_along_dim(x, torch.tensor([3, 0]), 0)
x = torch.zeros(3, 3); x.fill_diagonal_(2), x.fill_(1), x.zero_(), torch.fill(x, 4)
torch.isin(torch.tensor([1, 2, 3]), torch.tensor([2, 3])), torch.unravel_index(torch.tensor([3, 5]), (2, 3))
"""

REDUCING = r"""
x = torch.tensor([[1.0, 5.0], [3.0, 2.0]]); x.sum(), x.sum(0), x.sum(dim=1), x.sum(axis=1), x.sum((0, 1)), x.sum(1, keepdim=True), x.sum(dim=(0,), keepdim=True), torch.sum(x, 0), torch.sum(input=x, dim=0), x.sum(dtype=torch.float64), x.sum(axis=0, keepdims=True)
x = torch.tensor([[1.0, 5.0], [3.0, 2.0]]); x.mean(), x.mean(0), x.mean(dim=-1, keepdim=True), x.std(), x.std(0), x.var(unbiased=False), x.var(dim=0, correction=0), torch.std(x, dim=1, unbiased=True), torch.var_mean(x), torch.std_mean(x, dim=0)
x = torch.tensor([[1.0, 5.0], [3.0, 2.0]]); v, i = x.max(dim=1); m = x.min(0); v, i, m.values, m.indices, m[0], x.max(), torch.max(x, 1).values, torch.max(x, torch.tensor(2.0)), x.max(1, keepdim=True)[0], str(type(m))
x = torch.tensor([[1.0, 5.0], [3.0, 2.0]]); x.argmax(), x.argmax(1), x.argmin(dim=0, keepdim=True), torch.argmax(x, dim=-1), x.amax(0), x.amin((0, 1)), torch.aminmax(x), x.prod(), x.prod(1), x.norm(), x.norm(dim=1), x.norm(p=1), torch.norm(x, 2, dim=0)
x = torch.tensor([[1.0, 5.0], [3.0, 2.0]]); x.sort(), x.sort(descending=True), torch.sort(x, dim=0).indices, x.argsort(), x.argsort(descending=True), x.topk(1), torch.topk(x, k=2, dim=1, largest=False).values, x.kthvalue(1), x.median(), x.median(0), x.mode(0)
x = torch.tensor([[1.0, 5.0], [3.0, 2.0]]); x.cumsum(0), torch.cumsum(x, dim=1), x.cumprod(1), x.cummax(0), x.logsumexp(1), x.softmax(-1), torch.softmax(x, dim=0), x.log_softmax(dim=1), torch.diff(x), torch.diff(x, dim=0), x.logcumsumexp(0)
x = torch.tensor([True, False]); x.all(), x.any(), x.all(0), torch.all(x), torch.any(x, dim=0), x.sum(), x.float().mean(), torch.logical_not(x), x.logical_and(torch.tensor(True)), x.any(dim=0, keepdim=True)
x = torch.arange(5.0); x.quantile(0.5), torch.quantile(x, torch.tensor([0.25, 0.75])), torch.quantile(x.view(1, 5), 0.3, dim=1, keepdim=True), torch.nanquantile(x, 0.5), torch.histc(x, bins=4)
x = torch.arange(4.0); torch.cov(x.view(2, 2)), torch.corrcoef(torch.tensor([[1.0, 2.0], [2.0, 5.0]])), torch.trapezoid(x), torch.trapz(x, dx=2.0), torch.cumulative_trapezoid(x)
x = torch.tensor([1, 2, 3]); x.sum().dtype, x.float().mean(), x.prod(), x.max().item(), x.cumsum(0).dtype, x.bool().sum().item()
torch.dist(torch.ones(2), torch.zeros(2)), torch.cdist(torch.ones(2, 2), torch.zeros(1, 2))
x = torch.tensor([1.0, torch.nan]); x.nansum(), torch.nanmean(x), x.isnan(), torch.isfinite(x), torch.isinf(x), torch.nan_to_num(x), x.nan_to_num(nan=3.0)
torch.sum(torch.ones(2), dim=0, dtype=torch.float64), torch.ones(2, 3).sum([0, 1]), torch.ones(2).sum(dim=None), torch.ones(2, 2).sum(dim=[])
"""

MATHS = r"""
x = torch.tensor([0.5, 1.0]); torch.exp(x), x.exp(), torch.log(input=x), x.sqrt(), torch.sin(x).cos(), x.tanh(), torch.sigmoid(x), x.abs(), x.neg(), x.sign(), x.reciprocal(), x.rsqrt(), x.square(), torch.erf(x), x.log1p(), x.expm1(), x.frac()
x = torch.tensor([-1.5, 2.5]); x.floor(), x.ceil(), x.round(), x.trunc(), x.clamp(-1, 1), x.clamp(min=0), x.clamp(max=0), torch.clamp(x, min=torch.tensor(0.0)), x.clip(0, 1), x.relu(), torch.relu(x), x.fix(), torch.fmod(x, 2), x.remainder(2)
x = torch.tensor([1.0, 4.0]); torch.add(x, 1), torch.add(x, x, alpha=2), x.add(other=1), torch.sub(x, 1, alpha=3), x.mul(2), torch.mul(input=x, other=x), x.div(2), torch.div(x, 3, rounding_mode='floor'), x.pow(2), torch.pow(2, x), x.pow(exponent=0.5), torch.true_divide(x, 2), x.rsub(1)
x = torch.tensor([1.0, 4.0]); o = torch.empty(2); r = torch.add(x, x, out=o); r is o, o, torch.mul(x, 2, out=torch.empty(0)), torch.max(x, 0, out=(torch.empty(()), torch.empty((), dtype=torch.long))), torch.matmul(x, x, out=torch.empty(()))
x = torch.tensor([1.0, 4.0]); x.maximum(torch.tensor(2.0)), torch.minimum(x, torch.tensor([2.0, 2.0])), torch.atan2(x, x), torch.hypot(x, x), torch.lerp(x, x * 2, 0.5), x.lerp(x, torch.ones(2)), torch.logaddexp(x, x), x.addcmul(x, x, value=2), torch.addcdiv(x, x, x), torch.copysign(x, torch.tensor(-1.0))
x = torch.tensor([1.0, 4.0]); x.eq(1), torch.ne(x, 1), x.gt(2), torch.le(x, x), x.logical_not(), torch.eq(x, torch.tensor(4.0)), torch.isreal(x), torch.signbit(-x), torch.isposinf(x), torch.isneginf(x)
x = torch.tensor([12, 18]); torch.gcd(x, torch.tensor(8)), torch.lcm(x, torch.tensor(4)), torch.bitwise_and(x, 4), x.bitwise_or(1), torch.bitwise_xor(x, x), x.bitwise_not(), x << 1, torch.bitwise_left_shift(x, 2), torch.floor_divide(x, 5)
torch.deg2rad(torch.tensor(180.0)), torch.rad2deg(torch.tensor(1.0)), torch.sinc(torch.tensor(0.5)), torch.lgamma(torch.tensor(3.0)), torch.digamma(torch.tensor(2.0)), torch.erfinv(torch.tensor(0.5)), torch.logit(torch.tensor(0.3)), torch.heaviside(torch.tensor(0.0), torch.tensor(0.5)), torch.ldexp(torch.tensor(1.0), torch.tensor(3))
torch.real(torch.tensor(1 + 2j)), torch.tensor(1 + 2j).imag, torch.abs(torch.tensor(3 + 4j)), torch.angle(torch.tensor(1j)), torch.conj(torch.tensor(1 + 2j)).resolve_conj(), torch.tensor(1 + 2j).conj(), torch.view_as_complex(torch.ones(2, 2)), torch.tensor([1 + 2j]) * 2
a = torch.arange(4.0).view(2, 2); torch.mm(a, a), torch.matmul(a, a[0]), a.mv(a[0]), torch.dot(a[0], a[1]), torch.bmm(a[None], a[None]), torch.outer(a[0], a[1]), torch.ger(a[0], a[1]), torch.addmm(a, a, a), torch.addmm(a, a, a, beta=2, alpha=0.5), torch.baddbmm(a[None], a[None], a[None]), torch.inner(a, a), torch.vdot(a[0], a[1]), a.matmul(other=a)
a = torch.arange(4.0).view(2, 2); torch.kron(a, torch.eye(2)), torch.cross(torch.tensor([1.0, 0, 0]), torch.tensor([0, 1.0, 0])), torch.chain_matmul(a, a, a), torch.linalg.multi_dot([a, a, a]) if False else 0, torch.matrix_power(a, 3), torch.cross(torch.ones(2, 3), torch.ones(2, 3), dim=1)
a = torch.arange(6.0).view(2, 3); torch.einsum('ij->ji', a), torch.einsum('ij,kj->ik', a, a), torch.einsum('ij->', a), torch.einsum('ii->i', a[:, :2]), torch.einsum('bij,bjk->bik', a.view(1, 2, 3), a.view(1, 3, 2)), torch.einsum('...i,...i->...', a, a), torch.einsum('i,j', a[0], a[1]), torch.einsum('ij,ij->i', [a, a]), torch.einsum('ij, jk -> ik', a, a.T)
a = torch.arange(6.0).view(2, 3); torch.tensordot(a, a, dims=([1], [1])), torch.tensordot(a, a.T, dims=1), torch.tensordot(a, a, 2), torch.tensordot(a, a, dims=((0, 1), (0, 1)))
x = torch.tensor([1, 2]); x.to(torch.float64), x.to('cpu') is x, x.to(torch.int64) is x, x.to(torch.float32, copy=True), x.to(torch.ones(1)), x.to(device='cpu', dtype=torch.int8), x.float(), x.double(), x.half(), x.bfloat16().dtype, x.bool(), x.byte(), x.int(), x.short(), x.char(), x.long() is x, x.cpu() is x, x.type_as(torch.ones(1)), x.to(torch.device('cpu'), torch.float16)
x = torch.tensor([1.7, -1.7]); x.int(), x.long(), x.bool(), x.to(torch.uint8)[0], torch.tensor([1.5]).to(torch.complex64)
torch.cumsum(torch.ones(3), 0), torch.addr(torch.zeros(2, 2), torch.ones(2), torch.ones(2)), torch.nn.functional.normalize(torch.tensor([[3.0, 4.0]])), torch.nn.functional.cosine_similarity(torch.ones(1, 2), torch.ones(1, 2))
x = torch.tensor([1.0]); x.add_(1).mul_(2).sub_(1).div_(3), x.exp_(), x.clamp_(max=1), x.fill_(4).sqrt_(), x.copy_(torch.tensor([2])), x.zero_(), x.neg_(), x.uniform_(0, 0), x.normal_(0, 0) if False else x
"""

GRADIENTS = r"""
x = torch.tensor(2.0, requires_grad=True); y = x ** 3; y.backward(); x.grad, y.grad_fn.name(), x.is_leaf, y.is_leaf, y.requires_grad
x = torch.ones(2, requires_grad=True); (x * 2).sum().backward(); (x * 3).sum().backward(); g = x.grad.clone(); x.grad.zero_(); x.grad = None; g, x.grad
x = torch.ones(2, requires_grad=True); y = x * 2; y.backward(torch.tensor([1.0, 3.0])); y.detach().requires_grad, x.grad
x = torch.ones(2, requires_grad=True); y = (x * x).sum(); torch.autograd.grad(y, x)[0]
x = torch.tensor(3.0, requires_grad=True); g, = torch.autograd.grad(x ** 3, x, create_graph=True); h, = torch.autograd.grad(g, x); g.detach(), h
x = torch.ones(2, requires_grad=True)\nwith torch.no_grad():\n    y = x * 2\n    x -= 0.5\n(y.requires_grad, x.detach(), x.requires_grad)
@torch.no_grad()\ndef f(x):\n    return x * 2\nf(torch.ones(1, requires_grad=True)).requires_grad
x = torch.ones(2, requires_grad=True)\nwith torch.set_grad_enabled(False):\n    a = (x * 2).requires_grad\nwith torch.inference_mode():\n    b = (x * 2).requires_grad\na, b
x = torch.ones(2).requires_grad_(); y = x * 2; y.retain_grad(); y.sum().backward(); y.grad, x.grad
x = torch.ones(2, requires_grad=True); seen = []; h = x.register_hook(lambda g: g * 2); (x * 3).sum().backward(); h.remove(); x.grad
x = torch.ones(3, requires_grad=True); y = x.clone(); y[0] = 5; y[1:] *= 2; y.sum().backward(); x.grad
x = torch.ones(3, requires_grad=True); y = x * 1; v = y[:2]; v.mul_(3); (y * y).sum().backward(); x.grad
x = torch.zeros(2, requires_grad=True); x.data += 1; x.data.fill_(3); x.detach()
x = torch.ones(2, requires_grad=True); x.detach_() if False else x.detach().mul_(5); x.detach()
w = torch.randn(2, 2, requires_grad=True); w.grad is None, (w @ torch.ones(2)).grad_fn.name(), (w + 1).grad_fn.next_functions[0][0].name().split('::')[-1]
x = torch.tensor([1 + 1j], requires_grad=True); (x.abs() ** 2).sum().backward(); x.grad
class Exp(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, i):\n        r = i.exp(); ctx.save_for_backward(r); return r\n    @staticmethod\n    def backward(ctx, g):\n        r, = ctx.saved_tensors; return g * r\nx = torch.tensor(0.5, requires_grad=True)\ny = Exp.apply(x)\ny.backward()\n(x.grad, y.grad_fn.name())
x = torch.ones(2, requires_grad=True); torch.stack([x, x * 2]).sum(0)[0].backward(); x.grad
x = torch.rand(3, requires_grad=True); a, b, c = x; (a + b * 2 + c * 3).backward(); x.grad
x = torch.tensor([[1.0, 3.0], [2.0, 0.0]], requires_grad=True); x.max(dim=1).values.sum().backward(); x.grad
x = torch.ones(2, requires_grad=True); l = torch.where(x > 0, x * 2, x).sum(); l.backward(); x.grad
"""

TRAINING = r"""
F = torch.nn.functional; x = torch.tensor([[1.0, 2.0, 0.5]]); F.relu(x), F.softmax(x, dim=1), F.log_softmax(x, -1), F.gelu(x), F.silu(x), F.elu(-x), F.leaky_relu(-x, 0.1), F.softplus(x), F.tanh(x), F.sigmoid(x), F.dropout(x, 0.5, training=False), F.dropout(x, p=0.0), F.hardtanh(x), F.logsigmoid(x), F.relu(x, inplace=False)
F = torch.nn.functional; x = torch.tensor([[1.0, 2.0, 0.5]]); t = torch.tensor([1]); F.cross_entropy(x, t), F.nll_loss(F.log_softmax(x, 1), t), F.mse_loss(x, x * 2), F.l1_loss(x, x * 2, reduction='sum'), F.binary_cross_entropy_with_logits(x, torch.ones(1, 3)), F.smooth_l1_loss(x, x + 3), F.cross_entropy(x, t, reduction='none', label_smoothing=0.1), F.huber_loss(x, x + 3), F.kl_div(F.log_softmax(x, 1), F.softmax(x, 1), reduction='batchmean')
F = torch.nn.functional; F.linear(torch.ones(2, 3), torch.ones(4, 3), torch.ones(4)), F.embedding(torch.tensor([0, 1]), torch.eye(2)), F.one_hot(torch.tensor([0, 1])), F.pad(torch.ones(2), (1, 1))
torch.manual_seed(0); m = torch.nn.Linear(2, 3); m.weight, m.bias, m(torch.ones(1, 2)), [n for n, _ in m.named_parameters()], sum(p.numel() for p in m.parameters())
torch.manual_seed(0); net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1)); net(torch.ones(3, 2)), repr(net), list(net.state_dict())
torch.manual_seed(0)\nx = torch.linspace(-1, 1, 20).unsqueeze(1)\ny = 3 * x + 1\nm = torch.nn.Linear(1, 1)\nopt = torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9)\nfor _ in range(20):\n    opt.zero_grad()\n    loss = torch.nn.functional.mse_loss(m(x), y)\n    loss.backward()\n    opt.step()\n(loss, m.weight, m.bias)
torch.manual_seed(0)\nx = torch.randn(16, 3)\nt = (x.sum(1) > 0).long()\nm = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))\nopt = torch.optim.Adam(m.parameters(), lr=0.01)\nlossf = torch.nn.CrossEntropyLoss()\nhistory = []\nfor epoch in range(5):\n    for i in range(0, 16, 4):\n        loss = lossf(m(x[i:i + 4]), t[i:i + 4])\n        opt.zero_grad()\n        loss.backward()\n        opt.step()\n    history.append(loss.item())\nm.eval()\nwith torch.no_grad():\n    accuracy = (m(x).argmax(1) == t).float().mean()\n(history, accuracy)
torch.manual_seed(0)\nw = torch.zeros(2, requires_grad=True)\nfor _ in range(10):\n    loss = ((w - torch.tensor([1.0, 2.0])) ** 2).sum()\n    loss.backward()\n    with torch.no_grad():\n        w -= 0.1 * w.grad\n    w.grad.zero_()\nw
torch.manual_seed(0)\nds = torch.utils.data.TensorDataset(torch.arange(6.0), torch.arange(6))\n[(a, b) for a, b in torch.utils.data.DataLoader(ds, batch_size=4, shuffle=True)]
p = [torch.nn.Parameter(torch.ones(2))]; p[0].grad = torch.tensor([3.0, 4.0]); n = torch.nn.utils.clip_grad_norm_(p, 1.0); n, p[0].grad
torch.manual_seed(0); w = torch.empty(2, 3); torch.nn.init.xavier_uniform_(w), torch.nn.init.zeros_(w), torch.nn.init.kaiming_normal_(w), torch.nn.init.constant_(w, 2.0)
"""

ERRORS = [
    ("torch.ones(2, 3) @ torch.ones(2, 3)", r"mat1 and mat2 shapes cannot be multiplied \(2x3 and 2x3\)"),
    ("torch.ones(2) + torch.ones(3)", r"The size of tensor a \(2\) must match the size of tensor b \(3\)"),
    ("torch.ones(2, 3).view(4)", r"shape '\[4\]' is invalid for input of size 6"),
    ("torch.ones(2, 3).T.view(6)", r"view size .*not compatible with input tensor's size and stride|view size"),
    ("torch.ones(2)[5]", r"index 5 (is )?out of (bounds|range)"),
    ("torch.ones(2).sum(3)", r"Dimension out of range \(expected to be in range of \[-1, 0\], but got 3\)"),
    ("bool(torch.ones(2))", r"Boolean value of Tensor with more than one value is ambiguous"),
    ("torch.ones(2).item()", r"a Tensor with 2 elements cannot be converted to Scalar"),
    ("torch.ones(2, requires_grad=True).numpy()", r"Can't call numpy\(\) on Tensor that requires grad"),
    ("x = torch.ones(2, requires_grad=True); x += 1", r"a leaf Variable that requires grad is being used in an in-place operation"),
    ("torch.ones(2, requires_grad=True).backward(); 0", r"grad can be implicitly created only for scalar outputs"),
    ("torch.ones(2).sum().backward(); 0", r"element 0 of tensors does not require grad and does not have a grad_fn"),
    ("y = torch.ones(2, requires_grad=True).exp().sum(); y.backward(); y.backward(); 0", r"Trying to backward through the graph a second time"),
    ("x = torch.ones(2, requires_grad=True); y = x.exp(); z = y * y; y.add_(1); z.sum().backward(); 0", r"one of the variables needed for gradient computation has been modified by an inplace operation"),
    ("torch.tensor([1], requires_grad=True)", r"[Oo]nly Tensors of floating point and complex dtype can require gradients"),
    ("torch.tensor([[1, 2], [3]])", r"expected sequence of length 2 at dim 1"),
    ("torch.tensor('a')", r"new\(\): invalid data type 'str'|invalid data type 'str'|too many dimensions 'str'"),
    ("torch.cat([torch.ones(2, 2), torch.ones(3, 3)])", r"[Ss]izes of tensors must match except in dimension 0"),
    ("torch.stack([torch.ones(2), torch.ones(3)])", r"stack:? expects each tensor to be equal size"),
    ("x = torch.ones(2, dtype=torch.int64); x += 0.5", r"result type Float can't be cast to the desired output type Long"),
    ("torch.ones(2, dtype=torch.int64).mean()", r"could not infer output dtype"),
    ("torch.ones(2).foo", r"Tensor' object has no attribute 'foo'"),
    ("torch.foo", r"module '\w+' has no attribute 'foo'"),
    ("torch.zeros(-1)", r"negative"),
    ("torch.ones(2).expand(3)", r"must match the existing size \(2\) at non-singleton dimension 0"),
    ("torch.ones(2, 3).gather(1, torch.tensor([[5]]))", r"index 5 is out of bounds for dimension 1 with size 3"),
    ("len(torch.tensor(1))", r"len\(\) of a 0-d tensor"),
    ("iter(torch.tensor(1))", r"iteration over a 0-d tensor"),
    ("torch.tensor(1)[0]", r"invalid index of a 0-dim tensor"),
    ("a, b = torch.ones(3); a", r"too many values to unpack"),
    ("torch.ones(2).reshape(3)", r"shape '\[3\]' is invalid for input of size 2"),
    ("torch.ones(2).squeeze(5)", r"Dimension out of range"),
    ("torch.mm(torch.ones(2), torch.ones(2))", r"self must be a matrix|must be a matrix"),
    ("torch.ones(2, 3)[:, 3]", r"index 3 is out of bounds for dimension 1 with size 3"),
    ("torch.ones(2).unsqueeze(4)", r"Dimension out of range"),
    ("torch.ones(2, bad=1)", r"ones\(\)"),
    ("torch.sum()", r"sum\(\)"),
    ("torch.sum('a')", r"sum\(\)"),
    ("torch.zeros(2, dtype='float32')", r"zeros\(\)"),
    ("torch.einsum('ij,jk', torch.ones(2, 3), torch.ones(4, 5))", r"einsum\(\)"),
    ("torch.nn.Linear(2, 3)(torch.ones(1, 4))", r"mat1 and mat2 shapes cannot be multiplied \(1x4 and 2x3\)"),
    ("torch.nn.functional.cross_entropy(torch.ones(1, 3), torch.tensor([5]))", r"Target 5 is out of bounds"),
    ("torch.ones(2, requires_grad=True).sum().requires_grad_(False)", r"you can only change requires_grad flags of leaf variables"),
    ("x = torch.ones(2, requires_grad=True); x[0] = 1", r"leaf Variable that requires grad"),
    ("torch.tensor([1.0]) & torch.tensor([1.0])", r".*"),
    ("torch.max(torch.tensor([]))", r"Expected reduction dim to be specified for input.numel\(\) == 0"),
    ("torch.arange(3)[1.5]", r".*"),
    ("torch.empty(2)['a']", r".*"),
    ("hash([torch.ones(1)])", r"unhashable"),
    ("torch.ones(2) < 'a'", r".*"),
    ("torch.ones(2) + 'a'", r".*"),
    ("torch.ones(2) + None", r".*"),
    ("torch.ones(2) + [1, 2]", r".*"),
    ("torch.autograd.grad(torch.ones(1, requires_grad=True).sum(), torch.ones(1, requires_grad=True))", r"appears to not have been used in the graph"),
]  # fmt: skip


def programs(text: str) -> list[str]:
    return [line.replace("\\n", "\n") for line in text.strip().splitlines()]


def run(program: str, module: object) -> object:
    """Execute the statements; the value of the last one."""
    tree = ast.parse(program.replace("; ", "\n") if "\n" not in program and not program.startswith("for") else program)
    names = {"torch": module, "np": np, "__name__": __name__}
    last = tree.body[-1]
    value = isinstance(last, ast.Expr)
    body = ast.Module(tree.body[:-1] if value else tree.body, [])
    exec(compile(body, "<program>", "exec"), names)
    if value:
        return eval(compile(ast.Expression(last.value), "<program>", "eval"), names)
    return names.get("last")


GROUPS = {
    "making": MAKING, "asking": ASKING, "python": PYTHON, "geometry": GEOMETRY, "indexing": INDEXING,
    "reducing": REDUCING, "maths": MATHS, "gradients": GRADIENTS, "training": TRAINING,
}  # fmt: skip
CASES = [
    pytest.param(program, id=f"{group}{i}-{program.splitlines()[0][:60]}")
    for group, text in GROUPS.items()
    for i, program in enumerate(programs(text))
]


@pytest.mark.parametrize("program", CASES)
def test_a_short_program_gives_the_same(program):
    same(lambda torch: run(program, torch), rtol=1e-5)


@pytest.mark.parametrize(("program", "text"), ERRORS, ids=[program[:70] for program, _ in ERRORS])
def test_an_error_has_the_type_and_the_words_users_match(program, text):
    raised = []
    for module in (torchy, pytorch):
        with warnings.catch_warnings(), pytest.raises(Exception) as caught:
            warnings.simplefilter("ignore")
            run(program, module)
        raised.append(caught.value)
    assert type(raised[0]) is type(raised[1]), raised
    assert re.search(text, str(raised[1])), f"PyTorch says {raised[1]}"
    assert re.search(text, str(raised[0])), f"torchy says {raised[0]}"
