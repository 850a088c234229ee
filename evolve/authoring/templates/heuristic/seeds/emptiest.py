"""Online bin packing: each item goes into the open bin that is wanted most."""

import random

CAPACITY = 100


# EVOLVE-BLOCK-START
def priority(item, room, index, opened):
    """Prefer the bin with the most room, and among such ones the older."""
    left = room - item
    full = 1.0 if left < 1 else 0.0
    wasted = 1.0 if 0 < left < 20 else 0.0
    age = 1.0 - index / opened
    return 1.0 * left + 2.0 * full - 0.5 * wasted + 0.1 * age


# EVOLVE-BLOCK-END


def pack(base, items, instance):
    """Return the number of the bin of each item, in the order in which they come."""
    rng = random.Random(base + instance)
    rooms, placed = [], []
    for _ in range(items):
        item = 20 + int(50 * rng.random())
        fitting = [index for index, room in enumerate(rooms) if room >= item]
        if fitting:
            chosen = max(fitting, key=lambda index: (priority(item, rooms[index], index, len(rooms)), -index))
        else:
            chosen = len(rooms)
            rooms.append(CAPACITY)
        rooms[chosen] -= item
        placed.append(chosen)
    return placed
