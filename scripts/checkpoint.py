"""Reading a torch checkpoint without torch, and without running what it says.

A checkpoint of torch before 1.6 is five pickles (a magic number, the protocol, facts of the
machine that wrote it, the tensors, the keys of their storages) followed by the raw numbers of
every storage, each after its own length. A pickle can call any function there is; these may name
the three things a table of tensors is made of, and nothing else.

Imports NumPy: for code that runs in a child process alone.

Format: ``torch/serialization.py`` (``_legacy_save``), https://github.com/pytorch/pytorch
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Weights = Mapping[str, NDArray[np.generic]]

MAGIC = 0x1950A86A20F9469CFC6C
MAX_STORAGE = 64 * 1024**2  # numbers; the largest of ours has 1.3 million
NUMBERS: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "LongStorage": np.dtype("<i8"),
}


class NotACheckpoint(Exception):
    """The file is not the kind of checkpoint that is read here."""


@dataclass(frozen=True, slots=True)
class _Tensor:
    """Where in which storage a tensor's numbers lie; ``start`` and ``strides`` count numbers."""

    storage: str
    numbers: np.dtype[Any]
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_weights(path: Path) -> Weights:
    """Return the tensors of the checkpoint at ``path`` by name, read-only.

    Raises ``NotACheckpoint`` for anything but a plain table of dense tensors.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError) as error:
        raise NotACheckpoint(str(error)) from error


def _read(file: BinaryIO) -> Weights:
    if _CheckpointUnpickler(file).load() != MAGIC:
        raise NotACheckpoint("it does not begin as one")
    _protocol, _machine, tensors, keys = (_CheckpointUnpickler(file).load() for _ in range(4))
    kinds = {tensor.storage: tensor.numbers for tensor in tensors.values()}
    storages = {key: _read_storage(file, kinds[key]) for key in keys}
    return {name: _view(tensor, storages[tensor.storage]) for name, tensor in tensors.items()}


def _read_storage(file: BinaryIO, numbers: np.dtype[Any]) -> NDArray[np.generic]:
    count = int.from_bytes(file.read(8), "little")
    if count > MAX_STORAGE:
        raise NotACheckpoint(f"a storage of {count} numbers")
    return np.frombuffer(file.read(count * numbers.itemsize), numbers, count)


def _view(tensor: _Tensor, storage: NDArray[np.generic]) -> NDArray[np.generic]:
    """Look at a tensor in its storage; its numbers need not lie row by row."""
    reach = sum(
        (side - 1) * stride for side, stride in zip(tensor.shape, tensor.strides, strict=True)
    )
    smallest = min((*tensor.shape, *tensor.strides, tensor.start), default=0)
    if smallest < 0 or tensor.start + reach >= len(storage):
        raise NotACheckpoint(f"a tensor beyond its storage of {len(storage)} numbers")
    strides = tuple(stride * storage.itemsize for stride in tensor.strides)
    return np.lib.stride_tricks.as_strided(
        storage[tensor.start :], tensor.shape, strides, writeable=False
    )


class _CheckpointUnpickler(pickle.Unpickler):
    """Loads tables of tensors; every other name in the pickle is refused."""

    def find_class(self, module: str, name: str) -> Callable[..., Any] | str:
        """Return what stands for a name the pickle calls."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in NUMBERS:
            return name
        raise pickle.UnpicklingError(f"the checkpoint asks for {module}.{name}")

    def persistent_load(self, pid: Any) -> tuple[str, np.dtype[Any]]:
        """Return a storage's key and the kind of its numbers."""
        _word, kind, key, _device, _count, view = pid
        if view is not None:
            raise pickle.UnpicklingError("a view of a storage")
        return str(key), NUMBERS[kind]


def _rebuild_tensor(
    storage: tuple[str, np.dtype[Any]],
    start: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    *_gradient: Any,
) -> _Tensor:
    key, numbers = storage
    return _Tensor(key, numbers, start, tuple(shape), tuple(strides))
