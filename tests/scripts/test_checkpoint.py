from __future__ import annotations

import os
import pickle
import struct
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from scripts.checkpoint import MAGIC, MAX_STORAGE, NotACheckpoint, read_weights

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class Call:
    """Pickles as a function call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> Any:
        return self._call


def write(path: Path, parts: Iterable[Any]) -> Path:
    path.write_bytes(b"".join(pickle.dumps(part, 2) for part in parts))
    return path


def tensor(start: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    """Return the pickle of a table with one float tensor in storage ``s``, as torch writes it."""

    def tuple_of(numbers: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(b"J" + struct.pack("<i", n) for n in numbers) + b"t"

    name, key, device = (b"X" + struct.pack("<I", len(t)) + t for t in (b"t", b"s", b"cpu"))
    word = b"X" + struct.pack("<I", 7) + b"storage"
    storage = b"(" + word + b"ctorch\nFloatStorage\n" + key + device + b"K\x06Nt" + b"Q"
    arguments = b"(" + storage + b"J" + struct.pack("<i", start)
    arguments += tuple_of(shape) + tuple_of(strides) + b"\x89Nt"
    return b"\x80\x02}" + name + b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"Rs."


def checkpoint(path: Path, table: bytes, count: int = 6) -> Path:
    head = pickle.dumps(MAGIC, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2)
    numbers = struct.pack("<q", count) + np.arange(6, dtype="<f4").tobytes()
    path.write_bytes(head + table + pickle.dumps(["s"], 2) + numbers)
    return path


def test_strides_are_followed(tmp_path: Path) -> None:
    rows = read_weights(checkpoint(tmp_path / "rows", tensor(0, (2, 3), (3, 1))))
    columns = read_weights(checkpoint(tmp_path / "columns", tensor(0, (3, 2), (1, 3))))
    assert rows["t"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert columns["t"].tolist() == [[0, 3], [1, 4], [2, 5]]


@pytest.mark.parametrize(
    "table",
    [
        tensor(0, (7,), (1,)),
        tensor(6, (1,), (1,)),
        tensor(0, (2, 3), (4, 1)),
        tensor(-1, (2,), (1,)),
        tensor(5, (2,), (-1,)),
    ],
)
def test_a_tensor_outside_its_storage_is_refused(table: bytes, tmp_path: Path) -> None:
    with pytest.raises(NotACheckpoint):
        read_weights(checkpoint(tmp_path / "weights", table))


@pytest.mark.parametrize("count", [MAX_STORAGE + 1, 2**62])
def test_a_huge_storage_is_refused_before_it_is_read(count: int, tmp_path: Path) -> None:
    with pytest.raises(NotACheckpoint):
        read_weights(checkpoint(tmp_path / "weights", tensor(0, (2,), (1,)), count))


@pytest.mark.parametrize("function", [os.system, eval, print])
@pytest.mark.parametrize("position", [0, 3])
def test_pickles_cannot_call_functions(function: Any, position: int, tmp_path: Path) -> None:
    mark = tmp_path / "called"
    call = Call(function, f"touch {mark}" if function is os.system else f"open({str(mark)!r}, 'w')")
    parts: list[Any] = [MAGIC, 1001, {}, OrderedDict(), []]
    parts[position] = call
    with pytest.raises(NotACheckpoint, match=r"asks for"):
        read_weights(write(tmp_path / "weights", parts))
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", pickle.dumps(1, 2)])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(content)
    with pytest.raises(NotACheckpoint):
        read_weights(path)
