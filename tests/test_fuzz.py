"""Whatever reads bytes of strangers takes any bytes: no exception but the documented ones, and no hang."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fuzz_targets import TARGETS
from hypothesis import HealthCheck, given, settings, strategies as st


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.slow
def test_any_bytes_are_taken(name: str, data: st.DataObject) -> None:
    """Inputs are put together of what the grammar knows and of any bytes."""
    target = TARGETS[name]
    pieces = st.lists(st.sampled_from(target.words) | st.binary(max_size=6), max_size=60)
    target.check(b"".join(data.draw(pieces)))


def test_the_long_form_says_what_it_knows() -> None:
    """A name that is no target is an error that lists them; nothing of the fuzzer is needed for that."""
    program = Path(__file__).with_name("fuzz.py")
    ran = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, program, "nothing"], capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.returncode == 2
    assert all(name in ran.stderr for name in TARGETS)
