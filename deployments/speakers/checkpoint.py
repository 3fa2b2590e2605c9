"""Weights of a PyTorch checkpoint without PyTorch: the file is a zip of raw arrays and one pickle that names them."""

import math
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from izwi.errors import ModelMissing

Weights = dict[str, npt.NDArray[Any]]
"""float32; int64 for counters."""

_TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


def read(path: Path) -> Weights:
    """The arrays of a state dict by name.

    The pickle may name nothing but tensors and their storages, so that no file can make this process run anything.

    Raises:
        ModelMissing: not such a file, or one that holds more.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            (index,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
            with archive.open(index) as file:
                arrays = _Reader(file, archive, index.removesuffix("data.pkl")).load()
        return {str(name): np.ascontiguousarray(array) for name, array in arrays.items()}
    except (zipfile.BadZipFile, pickle.UnpicklingError, ValueError, KeyError, AttributeError, EOFError) as error:
        raise ModelMissing(f"{path.name} is no checkpoint of plain weights: {error}") from error


class _Reader(pickle.Unpickler):
    def __init__(self, file: Any, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(file)
        self._archive = archive
        self._folder = folder

    def find_class(self, module: str, name: str, /) -> Any:
        match module, name:
            case "collections", "OrderedDict":
                return OrderedDict
            case "torch._utils", "_rebuild_tensor_v2":
                return _tensor
            case "torch", str() if name in _TYPES:
                return _TYPES[name]
            case _:
                raise pickle.UnpicklingError(f"it names {module}.{name}")

    def persistent_load(self, pid: Any, /) -> npt.NDArray[Any]:
        kind, dtype, key, _, _ = pid
        if kind != "storage":
            raise pickle.UnpicklingError(f"it holds a {kind}")
        return np.frombuffer(self._archive.read(f"{self._folder}data/{key}"), dtype)


def _tensor(storage: npt.NDArray[Any], offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Any:
    array = storage[offset : offset + math.prod(shape)].reshape(shape)
    if any(
        size > 1 and step * array.itemsize != own for size, step, own in zip(shape, stride, array.strides, strict=True)
    ):
        raise pickle.UnpicklingError("it holds a view into another tensor")
    return array
