"""What an evaluator finds around itself in the sandbox: sent there as text, not imported by the engine.

`harness` calls the evaluator in the way of the engine that it was written for. `standins` holds modules of
the names that such evaluators import, with as much behind them as evaluators use.
"""
