"""What every test shares: torch set up as a job sets it up, and the same hypothesis examples in every run."""

from hypothesis import settings

from capacity.model import devices

pytest_plugins = ["tests.support.clones", "tests.support.installations"]
devices.prepare(threads=1)
settings.register_profile("reproducible", derandomize=True, deadline=None, database=None, max_examples=50)
settings.load_profile("reproducible")
