"""Reward: what an operator earns by a program."""

from __future__ import annotations

from evolve.archive import Added, Status

_MEMORY = 0.95  # weight of the past in the mean gain: about the last 20 improvements


class RewardScale:
    """Turns insertions into rewards of [0, 1].

    ============================  =================  ========================
    the program                   in its cell only   best of the whole run
    ============================  =================  ========================
    rejected, or not valid        0                  (cannot be)
    occupied a vacant cell        0.25               0.75
    improved a cell               0.5 * share        share
    ============================  =================  ========================

    ``share`` = gain / (gain + the mean of recent gains): 0.5 for a usual gain, near 1 for a leap, near 0
    for a polish in the last digits. It adapts to the units of the objective and to how late in
    the run it is; without it an operator could live on endless minute improvements. A gain in a vacant
    cell has no incumbent to be measured by, hence the fixed values.

    The reward is multiplied by `thrift`: what a program cost against what programs cost of late.

    Nothing but what is recorded enters, and no clock, so that a replay earns the same rewards.
    """

    __slots__ = ("mean_cost", "mean_gain")

    def __init__(self) -> None:
        self.mean_gain = 0.0
        """Mean of recent improvements in units of fitness; 0 before the first."""
        self.mean_cost = 0.0
        """Mean of recent costs other than 0; 0 before the first."""

    def thrift(self, cost: float) -> float:
        """Return mean / (mean + cost) and remember a cost: 1 for what is free, 0.5 for the usual price.

        This makes the reward a gain per cost that stays within [0, 1].

        Args:
            cost: At least 0, in a unit that stays the same over the run.
        """
        if cost <= 0.0:
            return 1.0
        usual = self.mean_cost or cost
        self.mean_cost = _MEMORY * usual + (1.0 - _MEMORY) * cost
        return usual / (usual + cost)

    def reward(self, added: Added, *, is_best: bool) -> float:
        """Return the reward of one insertion and remember the gain of an improvement.

        Args:
            added: What the archive answered.
            is_best: The program is strictly fitter than every earlier one of the run.
        """
        if added.status == Status.NEW:
            return 0.75 if is_best else 0.25
        if added.status != Status.IMPROVED:
            return 0.0
        usual = self.mean_gain or added.gain
        self.mean_gain = _MEMORY * usual + (1.0 - _MEMORY) * added.gain
        share = 1.0 / (1.0 + usual / added.gain)
        return share if is_best else 0.5 * share
