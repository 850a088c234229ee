"""A polynomial with coefficients that nobody has fitted."""


def curve(n):
    return [value(k / (n - 1)) for k in range(n)]


def value(x):
    return 2.0 - 5.0 * x + 4.0 * x**2 - 0.5 * x**3
