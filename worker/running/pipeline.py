"""Reads and encodes blocks ahead of the sender: in file order, bounded, off the event loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

from connectors.api import Block, BlockEncoder, EncodedBlock, SourceReader

__all__ = ["BlockPipeline"]


class BlockPipeline:
    """Yields a reader's blocks encoded, in file order.

    At most `depth` blocks are read or encoded ahead of the caller. The reader is called by one thread at a
    time, also while the `encoder` is still made. An error of the reader or the encoder is raised by `next`,
    after every block before it.
    """

    def __init__(
        self,
        reader: SourceReader,
        encoder: asyncio.Future[BlockEncoder],
        executor: Executor,
        *,
        depth: int,
    ) -> None:
        self._reader = reader
        self._encoder = encoder
        self._executor = executor
        self._ahead: asyncio.Queue[asyncio.Future[EncodedBlock] | None] = asyncio.Queue(depth)
        self._loop = asyncio.get_running_loop()
        self._reading = asyncio.create_task(self._read())

    async def next(self) -> EncodedBlock | None:
        """Return the next block, or None at the end of the file."""
        encoded = await self._ahead.get()
        return None if encoded is None else await encoded

    async def close(self) -> None:
        """Stop reading ahead and close the reader, once no thread uses it any more."""
        self._reading.cancel()
        self._encoder.cancel()
        await asyncio.gather(self._reading, self._encoder, return_exceptions=True)
        while not self._ahead.empty():
            encoded = self._ahead.get_nowait()
            if encoded is not None:
                await asyncio.gather(encoded, return_exceptions=True)
        await self._loop.run_in_executor(self._executor, self._reader.close)

    async def _read(self) -> None:
        try:
            block = await self._read_block()
            encode = (await self._encoder).encode
            while block is not None:
                await self._put(self._loop.run_in_executor(self._executor, encode, block))
                block = await self._read_block()
            await self._ahead.put(None)
        except Exception as error:  # noqa: BLE001 (handed to the caller of `next`, who waits for it)
            failed: asyncio.Future[EncodedBlock] = self._loop.create_future()
            failed.set_exception(error)
            await self._put(failed)

    async def _read_block(self) -> Block | None:
        read = self._loop.run_in_executor(self._executor, self._reader.read_block)
        try:
            return await asyncio.shield(read)
        except asyncio.CancelledError:
            await asyncio.gather(read, return_exceptions=True)  # the thread still uses the reader
            raise

    async def _put(self, encoded: asyncio.Future[EncodedBlock]) -> None:
        try:
            await self._ahead.put(encoded)
        except asyncio.CancelledError:
            await asyncio.gather(encoded, return_exceptions=True)
            raise
