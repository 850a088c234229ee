"""The model card: what an exported program is worth, in figures and in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evolve.tabular._insert import features_of
from evolve.tabular._metrics import Metric
from evolve.tabular._transformer import CLASS

_MOST_ROWS = 60


def card_text(title: str, program: str, metric: Metric, facts: Mapping[str, Any]) -> str:
    """Return the card in Markdown.

    Args:
        title: What it is about.
        program: The program's text.
        metric: What counts.
        facts: `search` (the score of the search), `looks`, and the answers to both questions of
            `judge_final`.
    """
    held, fresh = facts["hold_out"], facts["fresh"]
    better = "larger" if metric.maximize else "smaller"
    gain, bags = held["gain"], held["gain_of_bags"]
    shrunk = metric.sign * (facts["search"] - held["features"])
    return f"""# {_plain(title)}

{metric.name}; {better} is better. Learner: {facts["learner"]}.

## On rows that the search never saw

{held["rows"]:,} rows were held out before the search began. {_looks(facts["looks"])}

| | {metric.name} |
|---|---|
| the table as it is | {held["base"]:.4f} |
| with the features | {held["features"]:.4f} |
| {held["bag"]} plain learners, averaged | {held["bagged_base"]:.4f} |
| {held["bag"]} learners with the features, averaged | {held["bagged_features"]:.4f} |

* Gain over the table as it is: {_interval(gain)}. {_verdict(gain)}
* Gain of the bag with features over the bag without: {_interval(bags)}. {_verdict(bags)}
* Optimism of the search: its score {facts["search"]:.4f} was {abs(shrunk):.4f} \
{"better" if shrunk >= 0 else "worse"} than that on the held-out rows.

## On fresh folds of the search's rows

Folds that no program was chosen by; the rows are those of the search.

* {fresh["features"]:.4f} with the features, {fresh["base"]:.4f} without: {fresh["gain"]:+.4f} \
± {fresh["standard_error"]:.4f}, p = {fresh["p_value"]:.2g}; {_beyond(fresh)} ({fresh["rule"]}).
* Null control: the luckiest of {fresh["null_candidates"]} candidates that add \
{fresh["null_columns"]} columns of pure noise gains {fresh["null_gain"]:+.4f}. {_null(fresh)}

## The features

{_features(program, fresh)}

{_dropped(fresh)}

## Use

```python
from transformer import {CLASS}

model = make_pipeline({CLASS}(), your_learner).fit(X_train, y_train)
```

`X_train` is a DataFrame with the table's columns. `evolve apply` transforms a file in the sandbox instead;
the state that it uses was learned from the rows of the search.
"""


def _looks(looks: int) -> str:
    if looks == 1:
        return "They were scored once, for this program."
    return (
        f"They were scored {looks} times, for as many programs of this run; the more often, the less an "
        "interval means for the one that was kept."
    )


def _interval(found: Mapping[str, Any]) -> str:
    return (
        f"{found['value']:+.4f} ({found['level']:.0%} interval {found['low']:+.4f} to {found['high']:+.4f})"
    )


def _verdict(found: Mapping[str, Any]) -> str:
    if found["low"] > 0:
        return "The interval lies above 0."
    return "The interval lies below 0: it is a loss." if found["high"] < 0 else "The interval holds 0."


def _beyond(fresh: Mapping[str, Any]) -> str:
    return "better beyond the noise" if fresh["better"] else "not better beyond the noise"


def _null(fresh: Mapping[str, Any]) -> str:
    more = fresh["gain"] > fresh["null_gain"]
    return f"The features gain {'more' if more else 'no more, so chance explains them'}."


def _features(program: str, fresh: Mapping[str, Any]) -> str:
    recipes = {feature.name: feature for feature in features_of(program)}
    rows = []
    for name, importance, spread, verdict in fresh["new"][:_MOST_ROWS]:
        recipe = recipes.get(name)
        how = f", computed as `{_plain(recipe.value)}`" if recipe else ""
        if recipe and recipe.learned:
            how += " with what `fit` learned from training rows"
        rows.append(
            f"- `{_plain(name)}`{how}: shuffling it costs {importance:+.4f} ± {spread:.4f}; {verdict}."
        )
    return "\n".join(rows) or "None: the table as it is, or without some of its columns."


def _dropped(fresh: Mapping[str, Any]) -> str:
    if not fresh["dropped"]:
        return "All columns of the table are kept."
    return "Left out of the table: " + ", ".join(f"`{_plain(name)}`" for name in fresh["dropped"]) + "."


def _plain(text: str) -> str:
    """Keep a name that a program chose on one line, and from ending its code span."""
    return "".join(c if c.isprintable() and c != "`" else " " for c in text)[:300]
