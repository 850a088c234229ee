"""The engine's side of a scorer process."""

from __future__ import annotations

import asyncio

from evolve.errors import ProblemError, SandboxError
from evolve.problem import Problem, Value
from evolve.sandbox import _wire
from evolve.sandbox._answers import Verdict
from evolve.sandbox._process import HelperProcess


class Scorer:
    """The engine's side of a scorer process; replaced when it dies or takes too long."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._process: HelperProcess | None = None

    async def ensure(self) -> HelperProcess:
        if self._process is None:
            process, hello = await HelperProcess.start("evolve.sandbox._scorer", str(self._problem.scorer))
            if "failed" in hello:
                process.kill()
                raise ProblemError(
                    f"{self._problem.scorer}: the scorer cannot be imported.\n{hello['failed'].strip()}"
                )
            self._process = process
        return self._process

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None

    async def score(
        self, output: bytes, case: dict[str, Value], *, artifact: bool, timeout_s: float
    ) -> Verdict:
        process = await self.ensure()
        loop = asyncio.get_running_loop()
        request = _wire.pack({"params": self._problem.params, "case": case, "artifact": artifact}, output)
        try:
            async with asyncio.timeout(timeout_s):
                await loop.sock_sendall(process.control, request)
                reply, body = await _wire.receive_async(process.control)
        except TimeoutError:
            self.close()
            return Verdict("timeout", {}, f"scoring the returned data took more than {timeout_s:g} s")
        except (ConnectionError, OSError) as error:
            self.close()
            raise SandboxError(
                f"the scorer's process died ({type(error).__name__}) and was replaced."
            ) from error
        except asyncio.CancelledError:
            self.close()
            raise
        metrics = reply.get("metrics", {})
        return Verdict(reply["verdict"], metrics, reply["feedback"], body, reply["printed"])
