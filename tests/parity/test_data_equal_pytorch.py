# torchy.utils.data beside an installed PyTorch: batches, orders and exceptions.
from __future__ import annotations

import numpy as np
import pytest
from _same import same


@pytest.mark.parametrize("own_generator", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 4},
        {"batch_size": 4, "shuffle": True},
        {"batch_size": 4, "shuffle": True, "drop_last": True},
        {"batch_size": None, "shuffle": True},
        {"batch_size": 100, "shuffle": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["tensors", "subset", "split", "concat", "list"])
def test_loader_equals_pytorch(kind, options, own_generator):
    def program(T):
        D = T.utils.data
        T.manual_seed(3)
        rows = D.TensorDataset(T.arange(69.0).view(23, 3), T.arange(23))
        dataset = {
            "tensors": lambda: rows,
            "subset": lambda: D.Subset(D.Subset(rows, [9, 3, 3, 1, 8, 0]), [5, 2, 0, 1, 1]),
            "split": lambda: D.random_split(rows, [0.7, 0.3])[0],
            "concat": lambda: rows + rows,
            "list": lambda: [{"x": float(i), "y": (i, str(i))} for i in range(9)],
        }[kind]()
        generator = T.Generator().manual_seed(8) if own_generator else None
        loader = D.DataLoader(dataset, generator=generator, **options)
        epochs = [list(loader), list(loader)]
        return [len(loader), epochs, T.rand(1)]

    same(program)


@pytest.mark.parametrize(
    "program",
    [
        lambda D, T: list(D.RandomSampler(range(9))),
        lambda D, T: list(D.RandomSampler(range(9), num_samples=20)),
        lambda D, T: list(D.RandomSampler(range(9), replacement=True, num_samples=70)),
        lambda D, T: list(D.SubsetRandomSampler([5, 6, 7, 8])),
        lambda D, T: list(D.WeightedRandomSampler([0.1, 0.6, 0.3], 9)),
        lambda D, T: list(D.BatchSampler(D.SequentialSampler(range(10)), 3, True)),
        lambda D, T: D.RandomSampler(range(9), num_samples=0),
        lambda D, T: D.BatchSampler(range(9), 0, False),
        lambda D, T: D.random_split(range(9), [3, 3]),
        lambda D, T: D.random_split(range(9), [1.5, -0.5]),
        lambda D, T: [s.indices for s in D.random_split(range(10), [0.35, 0.35, 0.3])],
        lambda D, T: D.TensorDataset(T.ones(2), T.ones(3)),
        lambda D, T: D.ConcatDataset([]),
        lambda D, T: D.DataLoader(range(9), shuffle=True, sampler=range(9)),
        lambda D, T: D.DataLoader(range(9), batch_sampler=[[1]], batch_size=2),
        lambda D, T: D.DataLoader(range(9), num_workers=-1),
        lambda D, T: D.DataLoader(range(9), prefetch_factor=2),
        lambda D, T: setattr(D.DataLoader(range(9)), "batch_size", 3),
        lambda D, T: list(D.DataLoader(range(9), batch_sampler=[[1, 2], [3]])),
        lambda D, T: D.default_collate([object()]),
        lambda D, T: D.default_collate([[1, 2], [3]]),
        lambda D, T: D.default_collate([{"a": 1.5}, {"a": 2.5}]),
        lambda D, T: D.default_collate([True, False]),
        lambda D, T: D.default_collate([np.float32(1.5), np.float32(2)]),
        lambda D, T: D.default_collate([np.ones(2), np.zeros(2)]),
        lambda D, T: D.default_convert([np.ones(2), "a", (np.int64(3),)]),
    ],
)
def test_data_rule_equals_pytorch(program):
    def seeded(T):
        T.manual_seed(4)
        return program(T.utils.data, T)

    same(seeded)
