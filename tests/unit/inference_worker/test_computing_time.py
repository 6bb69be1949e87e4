"""The worker's time is shared among the jobs that run, and nothing of it is lost or made up."""

from __future__ import annotations

import pytest

from inference_worker.computing_time import ComputingTime


class Machine:
    """Clocks that are moved by hand: two processors work while the clock goes."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.computing = ComputingTime(cpu=lambda: 2 * self.now_s, clock=lambda: self.now_s)

    def work(self, seconds: float) -> None:
        self.now_s += seconds


def test_a_job_alone_has_all_of_the_time() -> None:
    machine = Machine()
    machine.work(5)  # nobody's
    with machine.computing.running() as spent:
        machine.work(3)
    machine.work(5)
    assert (spent.cpu_s, spent.busy_s) == (6, 3)


def test_jobs_that_run_at_once_share_evenly() -> None:
    machine = Machine()
    with machine.computing.running() as long:
        machine.work(1)
        with machine.computing.running() as short:
            machine.work(4)
        machine.work(1)
    assert (long.busy_s, short.busy_s) == (4, 2)
    assert long.cpu_s + short.cpu_s == 12


def test_what_a_job_has_spent_is_told_before_its_end() -> None:
    machine = Machine()
    with machine.computing.running() as spent:
        machine.work(2)
        machine.computing.update()
        assert spent.busy_s == 2


def test_a_job_that_breaks_ends_its_share() -> None:
    machine = Machine()
    with pytest.raises(ValueError, match="broken"):
        break_after_a_second(machine)
    with machine.computing.running() as next_one:
        machine.work(1)
    assert next_one.busy_s == 1


def break_after_a_second(machine: Machine) -> None:
    with machine.computing.running():
        machine.work(1)
        raise ValueError("broken")
