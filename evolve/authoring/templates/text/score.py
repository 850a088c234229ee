"""Trusted scorer: a text holds all words; its length counts."""

from evolve.problem import Invalid, Score

WORDS = (
    *("another", "anagram", "ermine", "gramme", "hermit", "inertia"),
    *("minerva", "mother", "other", "rampart", "theorem", "vanilla"),
)


def score(output, params, case):
    """Judge a text, possibly nonsense.

    Raise Invalid for whatever breaks a rule, and say by how much: proposers read it. Any other
    exception counts as a fault of this file.
    """
    if type(output) is not str:
        raise Invalid("must be a text")
    pieces = output.split()
    text = "".join(pieces)
    if not text or not all("a" <= letter <= "z" for letter in text):
        raise Invalid("must consist of small letters and white space")
    missing = [word for word in WORDS if word not in text]
    if missing:
        raise Invalid(f"does not hold {', '.join(missing)}")
    letters = sum(map(len, WORDS))
    return Score(
        metrics={
            "length": float(len(text)),
            "density": letters / len(text),
            "pieces": float(len(pieces)),
            "longest": max(map(len, pieces)) / len(text),
        },
        feedback=f"All {len(WORDS)} words in {len(text)} letters; one after the other they have {letters}.",
    )
