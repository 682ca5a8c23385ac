# DataLoader: a dataset, a sampler and a way to make batches, as one iterable. Batches of a
# TensorDataset are taken by one index_select for each tensor, without touching single samples.
from __future__ import annotations

import torchy

from ._workers import prefetched
from .collate import default_collate, default_convert
from .dataset import IterableDataset, Subset, TensorDataset
from .sampler import BatchSampler, RandomSampler, SequentialSampler, draw_seed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from torchy import Tensor

__all__ = ["DataLoader"]

_FIXED = frozenset(["batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"])


class _Endless:
    """The sampler of an IterableDataset, which chooses its samples itself."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


class DataLoader:
    """Iterates over the batches of a dataset.

    With ``num_workers`` > 0 the samples are fetched by threads. ``pin_memory``,
    ``multiprocessing_context``, ``persistent_workers`` and ``in_order`` are accepted for
    compatibility; batches always come in order.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        iterable = isinstance(dataset, IterableDataset)
        _check_sampling(iterable, batch_size, shuffle, sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size = None
        if sampler is None:
            if iterable:
                sampler = _Endless()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.dataset = dataset
        self.batch_size = batch_size
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.drop_last = drop_last
        self.collate_fn = collate_fn
        self.generator = generator
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.multiprocessing_context = multiprocessing_context
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self._initialized = True

    def __class_getitem__(cls, item: Any) -> Any:
        return cls

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and self.__dict__.get("_initialized", False):
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized; make a new loader"
            )
        object.__setattr__(self, name, value)

    def __len__(self) -> int:
        if isinstance(self.dataset, IterableDataset):
            length = len(self.dataset)  # type: ignore[arg-type]
            if self.batch_size is None:
                return length
            rest = 0 if self.drop_last else self.batch_size - 1
            return (length + rest) // self.batch_size
        return len(self.sampler if self.batch_sampler is None else self.batch_sampler)

    def __iter__(self) -> Iterator[Any]:
        # PyTorch draws a seed for its workers first, even where there are none.
        base_seed = draw_seed(self.generator)
        if isinstance(self.dataset, IterableDataset):
            return self._stream()
        rows = _Rows.of(self)
        if rows is not None:
            return rows.batches(self)
        batches = iter(self.sampler if self.batch_sampler is None else self.batch_sampler)
        if self.num_workers > 0:
            return prefetched(batches, self._fetch, self, base_seed)
        return map(self._fetch, batches)

    def _fetch(self, index: Any) -> Any:
        dataset = self.dataset
        if self.batch_sampler is None:
            return self.collate_fn(dataset[index])
        if callable(getattr(dataset, "__getitems__", None)):
            return self.collate_fn(dataset.__getitems__(index))
        return self.collate_fn([dataset[i] for i in index])

    def _stream(self) -> Iterator[Any]:
        """Batches of an IterableDataset; workers would each repeat it, so there are none."""
        if self.batch_sampler is None:
            for sample in self.dataset:
                yield self.collate_fn(sample)
            return
        batch: list[Any] = []
        for sample in self.dataset:
            batch.append(sample)
            if len(batch) == self.batch_size:
                yield self.collate_fn(batch)
                batch = []
        if batch and not self.drop_last:
            yield self.collate_fn(batch)


class _Rows:
    """Tensors whose rows are the samples, and which rows a (nested) Subset kept of them."""

    def __init__(self, tensors: tuple[Tensor, ...], kept: Tensor | None) -> None:
        self.tensors = tensors
        self.kept = kept

    @staticmethod
    def of(loader: DataLoader) -> _Rows | None:
        """None unless the loader batches plain rows of tensors in the default way."""
        if loader.collate_fn is not default_collate or loader.batch_sampler is None:
            return None
        dataset, kept = loader.dataset, None
        while type(dataset) is Subset:
            indices = torchy.as_tensor(dataset.indices, dtype=torchy.int64)
            kept = indices if kept is None else indices.index_select(0, kept)
            dataset = dataset.dataset
        if type(dataset) is not TensorDataset:
            return None
        return _Rows(dataset.tensors, kept)

    def batches(self, loader: DataLoader) -> Iterator[Any]:
        sampler = loader.batch_sampler
        if type(sampler) is BatchSampler and hasattr(sampler.sampler, "index_tensors"):
            indices = _index_batches(sampler)
        else:
            indices = (torchy.as_tensor(batch, dtype=torchy.int64) for batch in sampler)
        for index in indices:
            if self.kept is not None:
                index = self.kept.index_select(0, index)
            yield [tensor.index_select(0, index) for tensor in self.tensors]


def _index_batches(sampler: BatchSampler) -> Iterator[Tensor]:
    """The batches of a BatchSampler as slices of its sampler's index tensors."""
    size = sampler.batch_size
    left: list[Tensor] = []  # less than a batch
    count = 0
    for indices in sampler.sampler.index_tensors():
        left.append(indices)
        count += len(indices)
        if count < size:
            continue
        joined = left[0] if len(left) == 1 else torchy.cat(left)
        end = count - count % size
        for start in range(0, end, size):
            yield joined[start : start + size]
        left, count = [joined[end:]], count - end
    if count and not sampler.drop_last:
        yield torchy.cat(left)


def _check_workers(num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool) -> None:
    if num_workers < 0:
        raise ValueError(
            f"DataLoader: num_workers option should be non-negative, got {num_workers}; 0 fetches in the calling thread"
        )
    if timeout < 0:
        raise ValueError(f"DataLoader: timeout option should be non-negative, got {timeout}")
    if prefetch_factor is not None:
        if num_workers == 0:
            raise ValueError("DataLoader: prefetch_factor needs num_workers > 0")
        if prefetch_factor < 0:
            raise ValueError("DataLoader: prefetch_factor option should be non-negative")
    if persistent_workers and num_workers == 0:
        raise ValueError("DataLoader: persistent_workers option needs num_workers > 0")


def _check_sampling(
    iterable: bool,
    batch_size: int | None,
    shuffle: bool | None,
    sampler: Any,
    batch_sampler: Any,
    drop_last: bool,
) -> None:
    if iterable:
        for name, given in (
            ("shuffle", shuffle or None),
            ("sampler", sampler),
            ("batch_sampler", batch_sampler),
        ):
            if given is not None:
                raise ValueError(
                    f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={given}"
                )
    if sampler is not None and shuffle:
        raise ValueError("DataLoader: sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "DataLoader: batch_sampler option is mutually exclusive with batch_size, "
                "shuffle, sampler, and drop_last"
            )
    elif batch_size is None and drop_last:
        raise ValueError("DataLoader: batch_size=None makes no batches, so drop_last means nothing")
