"""The benchmark: the worker and its peers, side by side on one broker. `benchmarks/README.md` says how."""
