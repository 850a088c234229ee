"""A ruler that is certainly valid and far too long: the marks are powers of two, less one."""


def build(n):
    marks = [2**k - 1 for k in range(n)]
    return marks
