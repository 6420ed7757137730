"""Reading PyTorch checkpoints without PyTorch, and without running code that they contain.

A checkpoint written by PyTorch before 1.6 consists of five pickles (a magic number, the protocol,
facts about the machine, the tensors, the keys of their storages), followed by the raw numbers of
each storage, each preceded by its length. Pickles can call arbitrary functions; here only the three
names that a table of tensors needs are allowed.

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
    """The file is not a checkpoint of the supported format."""


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A view of a storage; ``start`` and ``strides`` count numbers, not bytes."""

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
        raise NotACheckpoint("it does not start like one")
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
    """Return a tensor as a view of its storage, in any memory order."""
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
    """Loads tables of tensors; refuses every other name in the pickle."""

    def find_class(self, module: str, name: str) -> Callable[..., Any] | str:
        """Return the stand-in for a name that the pickle refers to."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in NUMBERS:
            return name
        raise pickle.UnpicklingError(f"the checkpoint asks for {module}.{name}")

    def persistent_load(self, pid: Any) -> tuple[str, np.dtype[Any]]:
        """Return a storage's key and the type of its numbers."""
        _tag, kind, key, _device, _count, view = pid
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
