"""The compiled half: kernels on the bytes of a block, and the layout of the tables that they read and write.

`layout` is plain numpy; every other module here loads numba, and compiles when it is imported. What changes
the code of a kernel must stand in this package: by its source the compiled code is known again.
"""
