"""Conformance suites that anyone can run on their own parts of the engine.

`evolve.testing.hostile` attacks an executor and says whether it held.
"""
