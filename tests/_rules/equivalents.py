"""Mistakes in rules that change no gradient, with the reason: {place: {change: reason}}.

test_rule_mutants_are_caught.py fails when one of them is caught or no longer possible, so the list
holds nothing superfluous.
"""

EQUIVALENT: dict[str, dict[str, str]] = {}
