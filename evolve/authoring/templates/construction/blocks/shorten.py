"""Take marks away at random and put shorter ones in their place, while the ruler gets no longer."""

import random


def shorten(marks, rounds=100, taken=3, seed=1):
    rng = random.Random(seed)
    n, best = len(marks), list(marks)
    for _ in range(rounds):
        kept = sorted(rng.sample(best, max(1, n - taken)))
        kept = [mark - kept[0] for mark in kept]
        seen = {b - a for i, a in enumerate(kept) for b in kept[i + 1 :]}
        for _ in range(100):
            if len(kept) == n:
                break
            mark = rng.randrange(best[-1] + 1)
            new = [abs(mark - other) for other in kept]
            if 0 in new or len(set(new)) < len(new) or seen & set(new):
                continue
            kept.append(mark)
            seen |= set(new)
        kept.sort()
        if len(kept) == n and kept[-1] - kept[0] <= best[-1]:
            best = [mark - kept[0] for mark in kept]
    return best
