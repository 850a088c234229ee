"""Stand-ins for the packages that evaluators of other engines import."""
