"""What runs in the sandbox, in the process of a program that transforms tables.

It is preloaded by the zygote. It shares its process with the program: what it answers is worth no more than
the program's word, and everything that matters is checked on the trusted side.
"""

from evolve.tabular.inside._calls import apply, learn
from evolve.tabular.inside._rehearsal import rehearse

__all__ = ["apply", "learn"]

rehearse()
