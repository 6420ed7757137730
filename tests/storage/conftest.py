from __future__ import annotations

import pytest

from tests.stand_ins.postgres import free_port


@pytest.fixture
def unused_port() -> int:
    return free_port()
