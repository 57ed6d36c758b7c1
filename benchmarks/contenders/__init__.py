"""Who delivers: the worker, the floor under its small files, and its peers."""

from benchmarks.contenders.connectors import FilePulse, FileStreamSource, SpoolDir
from benchmarks.contenders.floor import Floor
from benchmarks.contenders.kcat import Kcat
from benchmarks.contenders.perf_test import PerfTest
from benchmarks.contenders.pipeline import StreamPipeline
from benchmarks.contenders.script import PythonScript
from benchmarks.contenders.worker import DroppedFiles, UploadedFile, Worker

__all__ = [
    "DroppedFiles",
    "FilePulse",
    "FileStreamSource",
    "Floor",
    "Kcat",
    "PerfTest",
    "PythonScript",
    "SpoolDir",
    "StreamPipeline",
    "UploadedFile",
    "Worker",
]
