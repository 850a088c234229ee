"""Stand-in for `shinka.core`: what evaluators import from there."""

from .wrap_eval import run_shinka_eval, save_json_results

__all__ = ["run_shinka_eval", "save_json_results"]
