from bot.admin.login.throttle import MAX_ADDRESSES, OVERALL, PER_ADDRESS, Throttle, network
from tests.support.admin import Clock


def test_an_address_gets_some_tries_and_then_one_a_minute(clock: Clock) -> None:
    throttle = Throttle(clock)
    tries, refill = PER_ADDRESS
    assert [throttle.wait_s("10.0.0.1") for _ in range(tries)] == [0] * tries
    assert throttle.wait_s("10.0.0.1") == refill
    clock.now += refill - 1
    assert throttle.wait_s("10.0.0.1") == 1
    clock.now += 1
    assert throttle.wait_s("10.0.0.1") == 0
    assert throttle.wait_s("10.0.0.1") == refill


def test_another_address_is_not_held_up(clock: Clock) -> None:
    throttle = Throttle(clock)
    for _ in range(9):
        throttle.wait_s("10.0.0.1")
    assert throttle.wait_s("10.0.0.2") == 0


def test_many_addresses_share_one_limit(clock: Clock) -> None:
    throttle = Throttle(clock)
    tries, refill = OVERALL
    assert [throttle.wait_s(f"10.0.0.{n}") for n in range(tries)] == [0] * tries
    assert throttle.wait_s("10.0.1.1") == refill


def test_a_right_password_clears_its_address(clock: Clock) -> None:
    throttle = Throttle(clock)
    for _ in range(5):
        throttle.wait_s("10.0.0.1")
    throttle.forgive("10.0.0.1")
    assert throttle.wait_s("10.0.0.1") == 0


def test_throttle_memory_is_bounded(clock: Clock) -> None:
    throttle = Throttle(clock)
    for n in range(MAX_ADDRESSES + 500):
        throttle.wait_s(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}")
    assert len(throttle._addresses) == MAX_ADDRESSES


def test_a_clock_that_steps_back_takes_no_tries_away(clock: Clock) -> None:
    throttle = Throttle(clock)
    throttle.wait_s("10.0.0.1")
    clock.now -= 86_400
    assert throttle.wait_s("10.0.0.1") == 0


def test_an_ipv6_caller_is_its_network() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff")
    assert network("2001:db8::1") != network("2001:db8:0:1::1")
    assert network("::ffff:10.0.0.1") != network("::ffff:10.0.0.2")
    assert network("nonsense") == network("") == "unknown"
