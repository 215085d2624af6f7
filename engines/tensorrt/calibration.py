"""Feed TensorRT's calibrator."""

from __future__ import annotations

from collections.abc import Sequence

from ..base import Arrays
from ..errors import EngineBuildError
from .api import Api
from .cuda import Buffer, Session


class Feed:
    """Put calibration batches on the GPU, one at a time.

    Args:
        api: What drives the installed release.
        session: The GPU.
        batches: Arrays by input name; none are needed where there is a cache.
        cache: What an earlier calibration of the same network found; empty for none.

    Attributes:
        cache: After the build, what this calibration found.
        failure: What went wrong, if anything did.

    Raises:
        EngineBuildError: There are neither batches nor a cache.
    """

    def __init__(
        self, api: Api, session: Session, batches: Sequence[Arrays], cache: bytes = b""
    ) -> None:
        if not batches and not cache:
            raise EngineBuildError("int8 needs at least one batch of arrays to calibrate on")
        self._api = api
        self._session = session
        self._stream = session.stream()
        self._left = iter(batches)
        self.cache = cache
        self.failure: Exception | None = None
        self._buffers: dict[str, tuple[int, Buffer]] = {}

    def next_addresses(self, names: Sequence[str]) -> list[int] | None:
        """Upload the next batch and return the addresses of the named inputs, None at the end.

        A failure is kept in ``failure``: TensorRT would print it, and go on with what it has.
        """
        try:
            return self._next(names)
        except Exception as error:  # raised again after the build
            self.failure = error
            return None

    def _next(self, names: Sequence[str]) -> list[int] | None:
        batch = next(self._left, None)
        if batch is None:
            return None
        addresses = []
        for name in names:
            array = self._api.host_array(batch[name])
            buffer = self._buffer(name, array.nbytes)
            self._session.upload(array, buffer, self._stream)
            self._stream.synchronize()
            addresses.append(buffer.address)
        return addresses

    def close(self) -> None:
        """Give the memory back."""
        for _, buffer in self._buffers.values():
            buffer.free()
        self._buffers.clear()
        self._stream.free()

    def _buffer(self, name: str, size: int) -> Buffer:
        held, buffer = self._buffers.get(name, (-1, None))
        if buffer is None or held < size:
            if buffer is not None:
                buffer.free()
            buffer = self._session.allocate(size)
            self._buffers[name] = size, buffer
        return buffer
