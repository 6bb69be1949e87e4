from bot.admin.login.throttle import MAX_CALLERS, OVERALL, PER_CALLER, Caller, Throttle
from runtime.ip_address import parse_address
from tests.support.admin import Clock


def at(address: str, device: str = "") -> Caller:
    return Caller(address=parse_address(address), device=device)


def test_an_address_gets_some_tries_and_then_one_a_minute(clock: Clock) -> None:
    throttle = Throttle(clock)
    tries, refill = PER_CALLER
    assert [throttle.wait_s(at("10.0.0.1")) for _ in range(tries)] == [0] * tries
    assert throttle.wait_s(at("10.0.0.1")) == refill
    clock.now += refill - 1
    assert throttle.wait_s(at("10.0.0.1")) == 1
    clock.now += 1
    assert throttle.wait_s(at("10.0.0.1")) == 0
    assert throttle.wait_s(at("10.0.0.1")) == refill


def test_another_address_is_not_held_up(clock: Clock) -> None:
    throttle = Throttle(clock)
    for _ in range(9):
        throttle.wait_s(at("10.0.0.1"))
    assert throttle.wait_s(at("10.0.0.2")) == 0


def test_many_addresses_share_one_limit(clock: Clock) -> None:
    throttle = Throttle(clock)
    tries, refill = OVERALL
    assert [throttle.wait_s(at(f"10.0.0.{n}")) for n in range(tries)] == [0] * tries
    assert throttle.wait_s(at("10.0.1.1")) == refill


def test_a_right_password_clears_its_address(clock: Clock) -> None:
    throttle = Throttle(clock)
    for _ in range(5):
        throttle.wait_s(at("10.0.0.1"))
    throttle.forgive(at("10.0.0.1"))
    assert throttle.wait_s(at("10.0.0.1")) == 0


def test_throttle_memory_is_bounded(clock: Clock) -> None:
    throttle = Throttle(clock)
    for n in range(MAX_CALLERS + 500):
        throttle.wait_s(at(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}"))
    assert len(throttle._addresses) == MAX_CALLERS


def test_a_clock_that_steps_back_takes_no_tries_away(clock: Clock) -> None:
    throttle = Throttle(clock)
    throttle.wait_s(at("10.0.0.1"))
    clock.now -= 86_400
    assert throttle.wait_s(at("10.0.0.1")) == 0


def test_a_known_browser_is_not_held_up_by_strangers(clock: Clock) -> None:
    throttle = Throttle(clock)
    for n in range(OVERALL[0] * 2):
        throttle.wait_s(at(f"10.0.0.{n // 5}"))
    assert throttle.wait_s(at("10.0.0.0")) > 0
    assert throttle.wait_s(at("10.9.9.9")) > 0
    assert throttle.wait_s(at("10.0.0.0", device="own")) == 0


def test_a_known_browser_has_tries_of_its_own_and_no_more(clock: Clock) -> None:
    throttle = Throttle(clock)
    tries, refill = PER_CALLER
    assert [throttle.wait_s(at("10.0.0.1", "own")) for _ in range(tries)] == [0] * tries
    assert throttle.wait_s(at("10.0.0.2", "own")) == refill
    assert throttle.wait_s(at("10.0.0.1", "other")) == 0
    throttle.forgive(at("10.0.0.9", "own"))
    assert throttle.wait_s(at("10.0.0.1", "own")) == 0


def test_known_browsers_leave_the_tries_of_strangers_alone(clock: Clock) -> None:
    throttle = Throttle(clock)
    for n in range(OVERALL[0]):
        throttle.wait_s(at("10.0.0.1", f"device {n}"))
    assert throttle.wait_s(at("10.0.0.1")) == 0


def test_a_flood_of_addresses_refills_no_browser(clock: Clock) -> None:
    throttle = Throttle(clock)
    for _ in range(PER_CALLER[0]):
        throttle.wait_s(at("10.0.0.1", "own"))
    for n in range(MAX_CALLERS + 1):
        throttle.wait_s(at(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}"))
    assert throttle.wait_s(at("10.0.0.1", "own")) > 0


def test_unreadable_addresses_share_one_limit(clock: Clock) -> None:
    throttle = Throttle(clock)
    for _ in range(PER_CALLER[0]):
        throttle.wait_s(at("unknown"))
    assert throttle.wait_s(at("_hidden")) > 0
