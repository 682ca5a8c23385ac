# torchy.utils.data: datasets, samplers, collation and the loader, with and without workers.
from __future__ import annotations

import threading

import numpy as np
import pytest

import torchy
from torchy.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    get_worker_info,
    random_split,
)


class Squares(Dataset):
    def __init__(self, size):
        self.size = size

    def __getitem__(self, i):
        return torchy.tensor([float(i), float(i * i)]), i

    def __len__(self):
        return self.size


class Countdown(IterableDataset):
    def __iter__(self):
        return iter(range(7, 0, -1))


def rows(size=10):
    return TensorDataset(torchy.arange(2.0 * size).view(size, 2), torchy.arange(size))


def seen(loader):
    return [batch[1].tolist() for batch in loader]


def test_batches_in_order():
    loader = DataLoader(rows(), batch_size=4)
    assert len(loader) == 3
    batches = list(loader)
    assert [b[1].tolist() for b in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert type(batches[0]) is list and batches[2][0].tolist() == [[16.0, 17.0], [18.0, 19.0]]
    assert seen(DataLoader(rows(), batch_size=4, drop_last=True)) == seen(loader)[:2]


def test_batches_are_copies():
    data = rows()
    next(iter(DataLoader(data, batch_size=2)))[0].zero_()
    assert data.tensors[0][0].tolist() == [0.0, 1.0]


def test_shuffling_visits_everything_once_in_a_new_order_each_epoch():
    torchy.manual_seed(0)
    loader = DataLoader(rows(50), batch_size=8, shuffle=True)
    first, second = sum(seen(loader), []), sum(seen(loader), [])
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second and first != list(range(50))


def test_same_seed_gives_the_same_order():
    def order(dataset):
        torchy.manual_seed(4)
        return seen(DataLoader(dataset, batch_size=3, shuffle=True))

    assert order(rows()) == order(rows())
    # The fast path of TensorDataset draws as the general path does.
    assert order(rows()) == order(Squares(10))


def test_generator_decides_the_order():
    def order(seed):
        generator = torchy.Generator().manual_seed(seed)
        return seen(DataLoader(rows(), 5, shuffle=True, generator=generator))

    assert order(1) == order(1) != order(2)


def test_loader_over_nested_subsets_equals_the_general_path():
    class Same(TensorDataset):  # a subclass is not taken by the fast path
        pass

    for kind in (TensorDataset, Same):
        data = Subset(Subset(kind(*rows().tensors), [9, 1, 1, 4, 0]), [3, 0, 2])
        assert seen(DataLoader(data, batch_size=2)) == [[4, 9], [1]]


def test_custom_collate_sampler_and_batch_sampler():
    loader = DataLoader(Squares(6), batch_size=2, collate_fn=lambda b: [i for _, i in b])
    assert list(loader) == [[0, 1], [2, 3], [4, 5]]
    assert seen(DataLoader(rows(), batch_size=2, sampler=[5, 5, 0])) == [[5, 5], [0]]
    assert seen(DataLoader(rows(), batch_sampler=[[3], [1, 2]])) == [[3], [1, 2]]


def test_no_batches():
    samples = list(DataLoader(rows(3), batch_size=None))
    assert [type(s) for s in samples] == [list] * 3
    assert [int(s[1]) for s in samples] == [0, 1, 2] and samples[0][1].dim() == 0


def test_iterable_dataset():
    assert [b.tolist() for b in DataLoader(Countdown(), batch_size=3)] == [
        [7, 6, 5],
        [4, 3, 2],
        [1],
    ]
    assert len(list(DataLoader(Countdown(), batch_size=3, drop_last=True))) == 2
    assert list(DataLoader(Countdown(), batch_size=None)) == [7, 6, 5, 4, 3, 2, 1]
    with pytest.raises(ValueError, match="shuffle"):
        DataLoader(Countdown(), shuffle=True)


def test_workers_fetch_in_order_on_other_threads():
    threads, started = set(), []

    class Noted(Squares):
        def __getitem__(self, i):
            info = get_worker_info()
            threads.add((threading.get_ident(), info.id, info.num_workers))
            return super().__getitem__(i)

    loader = DataLoader(Noted(20), batch_size=3, num_workers=2, worker_init_fn=started.append)
    assert seen(loader) == seen(DataLoader(Squares(20), batch_size=3))
    assert threading.get_ident() not in {thread for thread, _, _ in threads}
    assert {count for _, _, count in threads} == {2} and set(started) <= {0, 1}
    assert get_worker_info() is None


def test_error_in_a_worker_reaches_the_caller():
    class Broken(Squares):
        def __getitem__(self, i):
            if i == 5:
                raise KeyError("sample 5")
            return super().__getitem__(i)

    with pytest.raises(KeyError, match="sample 5"):
        list(DataLoader(Broken(9), batch_size=2, num_workers=2))


def test_random_split_by_lengths_and_fractions():
    generator = torchy.Generator().manual_seed(0)
    a, b = random_split(rows(), [7, 3], generator=generator)
    assert sorted([*a.indices, *b.indices]) == list(range(10)) and len(b) == 3
    assert [len(s) for s in random_split(rows(), [0.35, 0.35, 0.3])] == [4, 3, 3]
    with pytest.raises(ValueError):
        random_split(rows(), [7, 7])


def test_concat_and_stack():
    both = rows(3) + rows(2)
    assert isinstance(both, ConcatDataset) and len(both) == 5
    assert [int(both[i][1]) for i in (0, 2, 3, 4, -1)] == [0, 2, 0, 1, 1]
    stacked = StackDataset(a=[1, 2], b=["x", "y"])
    assert stacked[1] == {"a": 2, "b": "y"} and len(stacked) == 2
    with pytest.raises(ValueError):
        StackDataset([1], [1, 2])


def test_samplers():
    torchy.manual_seed(0)
    assert list(SequentialSampler(range(3))) == [0, 1, 2]
    assert sorted(RandomSampler(range(9))) == list(range(9))
    assert len(list(RandomSampler(range(4), num_samples=10))) == 10
    drawn = list(RandomSampler(range(3), replacement=True, num_samples=100))
    assert len(drawn) == 100 and set(drawn) == {0, 1, 2}
    assert sorted(SubsetRandomSampler([4, 8])) == [4, 8]
    assert set(WeightedRandomSampler([0.0, 1.0, 0.0], 20)) == {1}
    assert list(BatchSampler(range(5), 2, False)) == [[0, 1], [2, 3], [4]]
    assert len(BatchSampler(range(5), 2, True)) == 2


def test_collate_keeps_the_structure():
    batch = default_collate([{"a": 1, "b": (1.5, "x")}, {"a": 2, "b": (2.5, "y")}])
    assert batch["a"].tolist() == [1, 2] and batch["a"].dtype is torchy.int64
    assert batch["b"][0].dtype is torchy.float64 and batch["b"][1] == ("x", "y")
    assert default_collate([np.ones(2), np.zeros(2)]).tolist() == [[1.0, 1.0], [0.0, 0.0]]
    assert default_collate([True, False]).dtype is torchy.bool
    assert default_convert({"a": np.ones(2)})["a"].tolist() == [1.0, 1.0]
    with pytest.raises(TypeError, match="object"):
        default_collate([object()])
    with pytest.raises(RuntimeError, match="equal size"):
        default_collate([[1], [1, 2]])


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 0}, {"shuffle": True, "sampler": [0]}, {"num_workers": -1},
        {"batch_sampler": [[0]], "batch_size": 3}, {"prefetch_factor": 2}, {"timeout": -1},
        {"batch_size": None, "drop_last": True}, {"persistent_workers": True},
    ],
    ids=str,
)  # fmt: skip
def test_wrong_options_are_value_errors(options):
    with pytest.raises(ValueError):
        DataLoader(rows(), **options)


def test_fixed_attributes_cannot_be_set_afterwards():
    with pytest.raises(ValueError, match="batch_size"):
        DataLoader(rows()).batch_size = 3


def test_tensors_of_unequal_length_are_refused():
    with pytest.raises(AssertionError, match="Size mismatch"):
        TensorDataset(torchy.ones(2), torchy.ones(3))
