"""Blocks come out in file order, bounded ahead, with errors in their place."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from connectors.api import Block, BlockEncoder, EncodedBlock, Position
from connectors.errors import JobCode, JobError
from worker.running.pipeline import BlockPipeline


@dataclass(frozen=True)
class NumberedBlock:
    start: Position
    end: Position


class NumberedReader:
    """`count` blocks, then the end or an error."""

    columns = ("a",)

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.count = count
        self.error = error
        self.read = 0
        self.closed = False

    def read_block(self) -> Block | None:
        if self.read == self.count:
            if self.error:
                raise self.error
            return None
        self.read += 1
        return NumberedBlock(Position(block=self.read - 1), Position(block=self.read))

    def snapshot(self) -> Position:
        return Position(block=self.read)

    def close(self) -> None:
        self.closed = True


class GatedEncoder:
    """Each block waits for its gate."""

    name = "reference"

    def __init__(self) -> None:
        self.gates: dict[int, threading.Event] = {}
        self.lock = threading.Lock()

    def gate(self, number: int) -> threading.Event:
        with self.lock:
            return self.gates.setdefault(number, threading.Event())

    def encode(self, block: Block) -> EncodedBlock:
        assert self.gate(block.start.block).wait(10)
        return EncodedBlock(block.end, 1, 0, (), ())


def made(encoder: BlockEncoder) -> asyncio.Future[BlockEncoder]:
    future: asyncio.Future[BlockEncoder] = asyncio.get_running_loop().create_future()
    future.set_result(encoder)
    return future


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor


async def test_blocks_come_in_file_order_whichever_is_ready_first(executor: ThreadPoolExecutor) -> None:
    encoder = GatedEncoder()
    pipeline = BlockPipeline(NumberedReader(3), made(encoder), executor, depth=3)
    for number in (2, 1, 0):
        encoder.gate(number).set()
    ends = []
    while (block := await pipeline.next()) is not None:
        ends.append(block.end.block)
    await pipeline.close()
    assert ends == [1, 2, 3]


async def test_reading_ahead_is_bounded(executor: ThreadPoolExecutor) -> None:
    reader, encoder = NumberedReader(100), GatedEncoder()
    pipeline = BlockPipeline(reader, made(encoder), executor, depth=2)
    encoder.gate(0).set()
    assert await pipeline.next() is not None
    # one taken, two in the queue, one read and waiting for its place
    for _ in range(1000):
        if reader.read == 4:
            break
        await pipeline._loop.run_in_executor(None, lambda: None)
    assert reader.read == 4
    for number in range(4):
        encoder.gate(number).set()
    await pipeline.close()
    assert reader.read == 4
    assert reader.closed


async def test_the_first_block_is_read_while_the_encoder_is_made(executor: ThreadPoolExecutor) -> None:
    first_read, encoder = threading.Event(), GatedEncoder()

    class Reader(NumberedReader):
        def read_block(self) -> Block | None:
            first_read.set()
            return super().read_block()

    def make() -> BlockEncoder:
        assert first_read.wait(10)
        return encoder

    making = asyncio.get_running_loop().run_in_executor(executor, make)
    encoder.gate(0).set()
    pipeline = BlockPipeline(Reader(1), making, executor, depth=2)
    assert await pipeline.next() is not None
    assert await pipeline.next() is None
    await pipeline.close()


async def test_an_encoder_that_cannot_be_made_is_an_error_of_the_first_block(
    executor: ThreadPoolExecutor,
) -> None:
    making: asyncio.Future[BlockEncoder] = asyncio.get_running_loop().create_future()
    making.set_exception(JobError(JobCode.INTERNAL, "m", "h"))
    reader = NumberedReader(1)
    pipeline = BlockPipeline(reader, making, executor, depth=2)
    with pytest.raises(JobError, match="m"):
        await pipeline.next()
    await pipeline.close()
    assert reader.closed


async def test_closing_does_not_wait_for_an_encoder(executor: ThreadPoolExecutor) -> None:
    making: asyncio.Future[BlockEncoder] = asyncio.get_running_loop().create_future()
    reader = NumberedReader(1)
    pipeline = BlockPipeline(reader, making, executor, depth=2)
    async with asyncio.timeout(5):
        await pipeline.close()
    assert making.cancelled()
    assert reader.closed


async def test_an_error_comes_after_the_blocks_before_it(executor: ThreadPoolExecutor) -> None:
    broken = JobError(JobCode.PARQUET_INVALID, "m", "h")
    encoder = GatedEncoder()
    encoder.gate(0).set()
    pipeline = BlockPipeline(NumberedReader(1, broken), made(encoder), executor, depth=2)
    assert await pipeline.next() is not None
    with pytest.raises(JobError) as raised:
        await pipeline.next()
    await pipeline.close()
    assert raised.value is broken


async def test_an_error_that_nobody_fetches_is_not_complained_about(executor: ThreadPoolExecutor) -> None:
    reader = NumberedReader(0, JobError(JobCode.PARQUET_INVALID, "m", "h"))
    pipeline = BlockPipeline(reader, made(GatedEncoder()), executor, depth=2)
    await pipeline._reading
    await pipeline.close()
    assert reader.closed


async def test_a_thread_that_cannot_be_had_is_an_error_and_no_hang() -> None:
    class Exhausted(ThreadPoolExecutor):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:  # type: ignore[override]
            if fn == reader.read_block and reader.read == 1:
                raise RuntimeError("can't start new thread")
            return super().submit(fn, *args, **kwargs)

    reader, encoder = NumberedReader(3), GatedEncoder()
    encoder.gate(0).set()
    with Exhausted(2) as exhausted:
        pipeline = BlockPipeline(reader, made(encoder), exhausted, depth=2)
        assert await pipeline.next() is not None
        async with asyncio.timeout(5):
            with pytest.raises(RuntimeError, match="new thread"):
                await pipeline.next()
        await pipeline.close()
    assert reader.closed
