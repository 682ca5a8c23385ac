"""UntypedStorage: the counted memory behind tensors, seen from Python."""

from __future__ import annotations

from torchy import _C


class UntypedStorage:
    """The bytes that a tensor and its views share; a handle that keeps them alive."""

    def __init__(self, tensor: _C.Tensor) -> None:
        self._tensor = tensor
        self._bytes = tensor._storage_bytes()

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return self._tensor._storage_ptr()

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._tensor._storage_nbytes()

    def size(self) -> int:
        """The number of bytes."""
        return self.nbytes()

    def __len__(self) -> int:
        return self.nbytes()

    def __getitem__(self, index: int) -> int:
        return int(self._bytes[index])

    def tolist(self) -> list[int]:
        """The bytes as ints."""
        return self._bytes.tolist()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and self._tensor._storage_id() == other._tensor._storage_id()

    def __hash__(self) -> int:
        return hash(self._tensor._storage_id())

    def __repr__(self) -> str:
        return f"UntypedStorage(nbytes={self.nbytes()}, data_ptr={self.data_ptr():#x})"
