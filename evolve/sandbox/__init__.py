"""Run untrusted programs: a warm zygote forks a confined child for each, the scorer stays outside."""

from evolve.sandbox._codec import CodecError, Table, decode, encode
from evolve.sandbox._executor import Executor, LocalExecutor, RunResult, Verdict
from evolve.sandbox._limits import Limits

__all__ = ["CodecError", "Executor", "Limits", "LocalExecutor", "RunResult", "Table", "Verdict", "decode", "encode"]
