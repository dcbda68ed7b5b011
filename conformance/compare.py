"""How two maps are compared."""

import numpy as np


def error_ratio(ours, reference):
    """max |ours - reference| / max |reference|, in double; infinite where shapes differ or a value is not finite."""
    if ours.shape != reference.shape:
        return np.inf
    ours, reference = ours.astype(np.float64), reference.astype(np.float64)
    ratio = np.abs(ours - reference).max() / np.abs(reference).max()
    return float(ratio) if np.isfinite(ratio) else np.inf


def same_bits(a, b):
    """Whether two arrays have one shape, one type and the same bytes."""
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def levels_with_same_bits(a, b):
    """Whether two {level: array} have the same levels, bit for bit."""
    return sorted(a) == sorted(b) and all(same_bits(a[level], b[level]) for level in a)


def within_half_step(decoded, single, scale):
    """Whether decoded integers are as near to float32 `single` as a step of `scale` allows, and 0 where that is 0."""
    if decoded.shape != single.shape:
        return False
    single = single.astype(np.float64)
    tolerance = scale / 2 + 1e-6 * np.abs(single).max()
    return bool((np.abs(decoded - single) <= tolerance).all() and (decoded[single == 0] == 0).all())


def within_one_ulp(half, single):
    """Whether float16 `half` is float32 `single` rounded, up to the last bit. Both must be non-negative."""
    if half.dtype != np.float16 or half.shape != single.shape:
        return False
    ordered = half.view(np.uint16).astype(np.int32)  # non-negative floats order as their bits do
    expected = single.astype(np.float16).view(np.uint16).astype(np.int32)
    return int(np.abs(ordered - expected).max()) <= 1
