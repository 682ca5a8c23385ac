"""Hypothesis without a clock or a die: the same examples in every run."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "torchy", deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
settings.load_profile("torchy")
