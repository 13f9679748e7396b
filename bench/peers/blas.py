"""Which BLAS multiplies the matrices of NumPy or PyTorch: without a good one, times say nothing."""

import json
import sys

KNOWN = (("openblas", "OpenBLAS"), ("mkl", "MKL"), ("blis", "BLIS"), ("libblas", "reference BLAS"))


def blas_name():
    """The BLAS that this process has loaded."""
    with open("/proc/self/maps") as maps:
        text = maps.read()
    return next((name for library, name in KNOWN if library in text), "unknown BLAS")


def stop_unless_fast():
    """Ends the program, with the reason as its answer, where only the reference BLAS is installed."""
    if blas_name() != "reference BLAS":
        return
    reason = "has only the reference BLAS, which is many times slower: install OpenBLAS"
    print(json.dumps({"unable": f"{reason} (Debian: libopenblas0-openmp)"}), flush=True)
    sys.exit()
