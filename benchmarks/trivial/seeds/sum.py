def value(n):
    first = 0.25
    second = 1.5
    return first * n + second
