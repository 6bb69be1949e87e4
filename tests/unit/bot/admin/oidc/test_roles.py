import pytest

from bot.admin.oidc.linking import Person
from bot.admin.oidc.login_state import MAX_AGE_S, LoginState, StateCookies
from bot.admin.oidc.roles import RoleRules
from bot.domain.dashboard_users import Role
from bot.settings import Settings
from tests.support.admin import Clock

RULES = ["admin=chiefs", "reviewer=qa", "viewer=staff", "viewer=chiefs"]


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["staff"], Role.VIEWER),
        (["staff", "qa"], Role.REVIEWER),
        (["qa", "chiefs", "staff"], Role.ADMIN),
        ("chiefs", Role.ADMIN),
        ([], None),
        (["others"], None),
        (["Chiefs"], None),
        (["*"], None),
        (None, None),
        (5, None),
        ({"chiefs": True}, None),
        ([["chiefs"], 3, None], None),
    ],
)
def test_the_highest_role_of_a_persons_groups_counts(groups: object, role: Role | None) -> None:
    assert RoleRules("groups", RULES).role_of({"groups": groups}) is role


def test_a_star_lets_everybody_in_and_a_dotted_claim_leads_into_objects() -> None:
    rules = RoleRules("realm.roles", ["viewer=*", "admin=chiefs"])
    assert rules.role_of({}) is Role.VIEWER
    assert rules.role_of({"realm": {"roles": ["chiefs"]}}) is Role.ADMIN
    assert rules.role_of({"realm": "chiefs"}) is Role.VIEWER


@pytest.mark.parametrize("rule", ["admin", "admin=", "owner=x", "=x", ""])
def test_a_rule_that_is_none_is_refused_by_the_settings(rule: str) -> None:
    with pytest.raises(ValueError, match="ROLE=VALUE"):
        Settings(_env_file=None, admin_oidc_roles=(rule,))


@pytest.mark.parametrize("url", ["http://login.example.com", "login.example.com", "https://"])
def test_an_issuer_without_tls_is_refused_by_the_settings(url: str) -> None:
    with pytest.raises(ValueError, match="issuer"):
        Settings(_env_file=None, admin_oidc_issuer=url)


def test_a_provider_without_its_other_settings_is_refused_by_name() -> None:
    given = {"admin_oidc_issuer": "https://login.example.com", "admin_oidc_client_id": "x"}
    given["admin_public_url"] = "https://dash.example.com"
    expected = "it needs BOT_ADMIN_OIDC_CLIENT_SECRET, BOT_ADMIN_OIDC_ROLES too"
    with pytest.raises(ValueError, match=expected):
        Settings.model_validate(given)
    given |= {"admin_oidc_client_secret": "y", "admin_oidc_roles": "viewer=*"}
    assert Settings.model_validate(given).admin_oidc_roles == ("viewer=*",)


def person(**claims: object) -> Person:
    return Person(issuer="https://i", claims={"sub": "s", **claims}, role=Role.VIEWER)


def test_a_new_user_is_named_by_the_provider_and_else_with_a_suffix() -> None:
    first, second = person(preferred_username="김하나", email="a@b.c").names()
    assert first == "김하나"
    assert second.startswith("김하나-")
    assert person(preferred_username="<b>", email="a@b.c").names()[0] == "a@b.c"
    assert person(preferred_username=5).names()[0] == "user"
    assert all(len(name) <= 64 for name in person(name="가" * 64).names())


def test_a_login_is_opened_by_its_own_cookie_and_key_for_some_minutes() -> None:
    clock = Clock()
    cookies, login = StateCookies("secret", clock), LoginState.new("/admin/")
    sealed = cookies.seal(login)
    assert cookies.open(sealed) == login
    assert StateCookies("other", clock).open(sealed) is None
    for wrong in ("", "x", sealed[:-2], "한글"):
        assert cookies.open(wrong) is None
    assert login.state not in sealed
    clock.now += MAX_AGE_S + 1
    assert cookies.open(sealed) is None


def test_the_challenge_is_that_of_the_rfc() -> None:
    """RFC 7636, appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    login = LoginState(state="", nonce="", verifier=verifier, target="")
    assert login.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
