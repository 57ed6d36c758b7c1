"""What is delivered: generated rows and the files of them."""

from benchmarks.workloads.files import WorkloadFiles
from benchmarks.workloads.orders import bad_orders, orders
from benchmarks.workloads.rows import PooledRows
from benchmarks.workloads.shapes import texts, wide

__all__ = ["PooledRows", "WorkloadFiles", "bad_orders", "orders", "texts", "wide"]
