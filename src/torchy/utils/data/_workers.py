# num_workers > 0: samples are fetched by threads of this process, a few batches ahead, and come
# out in order. (The core lets go of the interpreter lock in long loops; nothing is pickled.)
from __future__ import annotations

import threading
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

__all__ = ["WorkerInfo", "get_worker_info"]

_local = threading.local()


class WorkerInfo:
    """What get_worker_info() tells inside a worker."""

    def __init__(self, id: int, num_workers: int, seed: int, dataset: Any) -> None:
        self.id = id
        self.num_workers = num_workers
        self.seed = seed
        self.dataset = dataset

    def __repr__(self) -> str:
        return f"WorkerInfo(id={self.id}, num_workers={self.num_workers}, seed={self.seed})"


def get_worker_info() -> WorkerInfo | None:
    """The worker that runs this code, or None in the main thread."""
    return getattr(_local, "info", None)


def prefetched(batches: Iterator[Any], fetch: Callable[[Any], Any], loader: Any, base_seed: int) -> Iterator[Any]:
    """``fetch(batch)`` for every batch, computed by the loader's workers ahead of time."""
    from concurrent.futures import ThreadPoolExecutor

    numbers = iter(range(loader.num_workers))
    lock = threading.Lock()

    def start_worker() -> None:
        with lock:
            number = next(numbers)
        _local.info = WorkerInfo(number, loader.num_workers, base_seed + number, loader.dataset)
        if loader.worker_init_fn is not None:
            loader.worker_init_fn(number)

    pool = ThreadPoolExecutor(loader.num_workers, "torchy-loader", start_worker)
    waiting: deque[Any] = deque()
    try:
        ahead = loader.num_workers * max(loader.prefetch_factor, 1)
        for batch in batches:
            waiting.append(pool.submit(fetch, batch))
            if len(waiting) > ahead:
                yield waiting.popleft().result(loader.timeout or None)
        while waiting:
            yield waiting.popleft().result(loader.timeout or None)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
