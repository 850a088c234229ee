"""Circles on concentric rings around the middle of the square."""

import numpy as np


def pack(n):
    """Place n circles on rings; every circle is as large as its nearest neighbour and the walls allow."""
    centers = ring_centers(n)
    radii = equal_share_radii(centers)
    return centers, radii


def ring_centers(n, first_ring=8, growth=8, outer_radius=0.28):
    """Put one centre in the middle and the others on rings of 8, 16, 24... places."""
    sizes = [1]
    while sum(sizes) < n:
        sizes.append(min(first_ring + growth * (len(sizes) - 1), n - sum(sizes)))
    points = [(0.5, 0.5)]
    for ring, size in enumerate(sizes[1:], start=1):
        distance = outer_radius * ring / (len(sizes) - 1)
        for place in range(size):
            angle = 2 * np.pi * place / size
            points.append((0.5 + distance * np.cos(angle), 0.5 + distance * np.sin(angle)))
    return np.array(points[:n])


def equal_share_radii(centers, safety=0.999):
    """Give each circle half the distance to its nearest neighbour, or its distance to the nearest wall."""
    wall = np.minimum(centers, 1 - centers).min(axis=1)
    gaps = np.linalg.norm(centers[:, None] - centers[None, :], axis=2)
    np.fill_diagonal(gaps, 2.0)
    return safety * np.minimum(wall, gaps.min(axis=1) / 2)
