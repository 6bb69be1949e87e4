"""What the doctor says of Slack: settings that contradict each other, scopes, blocks, sockets."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet

from bot.domain.findings import Verdict
from bot.messengers.slack.checks import check_slack, largest_blocks
from bot.messengers.slack.installing.oauth import INSTALL_PATH
from bot.messengers.slack.installing.scopes import SCOPES
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.simulated_workspace.errors import SlackError
from bot.messengers.slack.simulated_workspace.method import Call, Method
from bot.messengers.slack.simulated_workspace.records import BOT_SCOPES
from fakes.slack import slack_platform
from fakes.slack_socket import APP_TOKEN, slack_socket_server

KEY = Fernet.generate_key().decode()
OAUTH: dict[str, Any] = {
    "client_id": "1.2",
    "client_secret": "c",
    "token_keys": KEY,
    "public_url": "https://bot.example.com",
}
TOKEN = "xoxb-1-token"


async def told(**settings: Any) -> list[tuple[Verdict, str]]:
    """The findings on settings of a Slack that is on."""
    fields = {"signing_secret": "s", "api_url": "http://127.0.0.1:1/api/", **settings}
    found = [finding async for finding in check_slack(SlackSettings(_env_file=None, **fields))]
    return [(finding.verdict, finding.sentence) for finding in found]


async def wrong(**settings: Any) -> list[str]:
    return [words for verdict, words in await told(**settings) if verdict is Verdict.WRONG]


async def test_oauth_is_sound_where_all_of_it_is_set() -> None:
    assert await told(**OAUTH) == [
        (Verdict.OK, "Slack: the signing secret is set."),
        (
            Verdict.OK,
            f"Slack: the app is installed into workspaces at {OAUTH['public_url']}{INSTALL_PATH}.",
        ),
    ]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"client_id": "1.2"},
            (
                "Slack: OAuth needs BOT_SLACK_CLIENT_SECRET, BOT_SLACK_TOKEN_KEYS and "
                "BOT_SLACK_PUBLIC_URL too: nobody can install the app."
            ),
        ),
        (
            {**OAUTH, "token_keys": ""},
            "Slack: OAuth needs BOT_SLACK_TOKEN_KEYS too: nobody can install the app.",
        ),
        (
            {**OAUTH, "public_url": "http://bot.example.com"},
            "BOT_SLACK_PUBLIC_URL allows http://bot.example.com without TLS.",
        ),
        (
            {"token_rotation": True},
            "BOT_SLACK_TOKEN_ROTATION needs OAuth: without it no token is renewed.",
        ),
        (
            {"app_token": "xoxb-1"},
            "BOT_SLACK_APP_TOKEN: it is no app token: those are xapp-.",
        ),
        (
            {"app_token": "xapp-1"},
            "BOT_SLACK_APP_TOKEN: Slack cannot be reached (ClientConnectorError).",
        ),
        (
            {"signing_secret": "", **OAUTH},
            "Slack is off: set BOT_SLACK_SIGNING_SECRET (see docs/slack.ko.md).",
        ),
    ],
)
async def test_one_mistake_is_one_sentence(settings: dict[str, Any], sentence: str) -> None:
    assert await wrong(**settings) == [sentence]


async def test_a_token_beside_oauth_and_rotation_is_told() -> None:
    async with slack_platform() as slack:
        slack.channels.scopes |= BOT_SCOPES
        sentences = await wrong(
            **OAUTH, bot_token=TOKEN, token_rotation=True, api_url=slack.api_url
        )
    assert [sentence.partition(" ")[0] for sentence in sentences] == [
        "BOT_SLACK_BOT_TOKEN",
        "BOT_SLACK_TOKEN_ROTATION:",
    ]


async def test_slack_that_is_off_is_a_hint_and_nothing_else() -> None:
    assert await told(signing_secret="") == [
        (Verdict.HINT, "Slack is off: set BOT_SLACK_SIGNING_SECRET (see docs/slack.ko.md).")
    ]


async def test_each_missing_scope_is_told_with_its_effect() -> None:
    async with slack_platform() as slack:
        for scope in SCOPES:
            slack.channels.scopes |= BOT_SCOPES
            slack.channels.scopes.discard(scope.name)
            found = await told(bot_token=TOKEN, api_url=slack.api_url)
            lacking = [words for _, words in found if "lacks" in words]
            assert lacking == [f"Slack: the token lacks {scope.name}: {scope.without}."]
        slack.channels.scopes |= BOT_SCOPES
        found = await told(bot_token=TOKEN, api_url=slack.api_url)
        assert (Verdict.OK, "Slack: the token has all scopes.") in found


@pytest.mark.parametrize("feedback", ["native", "classic", "off"])
async def test_slack_takes_our_longest_message(feedback: str) -> None:
    async with slack_platform() as slack:
        slack.channels.scopes |= BOT_SCOPES
        found = await told(bot_token=TOKEN, api_url=slack.api_url, feedback=feedback)
        assert (Verdict.OK, "Slack takes our longest message (blocks.validate).") in found
        sent = [call for call in slack.web_api.calls if call.method == "blocks.validate"]
        assert len(sent[0].arguments["blocks"][0]["text"]) == 11_500


@pytest.mark.parametrize(
    ("code", "verdict", "beginning"),
    [
        ("unknown_method", Verdict.HINT, "Slack: blocks.validate cannot be asked there"),
        ("invalid_blocks", Verdict.WRONG, "Slack refuses our longest message: invalid_blocks."),
    ],
)
async def test_a_refusal_of_the_blocks_is_told_and_an_unknown_method_is_a_hint(
    code: str, verdict: Verdict, beginning: str
) -> None:
    def refuse(_: Call) -> dict[str, Any]:
        raise SlackError(code)

    async with slack_platform() as slack:
        slack.channels.scopes |= BOT_SCOPES
        slack.workspace.add_method(Method(name="blocks.validate", handle=refuse, tier=4))
        found = await told(bot_token=TOKEN, api_url=slack.api_url)
    assert [one for one, words in found if words.startswith(beginning)] == [verdict]


async def test_the_longest_message_has_everything_below_it() -> None:
    kinds = [block["type"] for block in largest_blocks(SlackSettings(_env_file=None))]
    assert kinds == ["markdown", "context", "context_actions"]


async def test_the_app_token_is_tried_without_using_a_connection() -> None:
    async with slack_socket_server() as socket:
        found = await told(app_token=APP_TOKEN, api_url=socket.api_url)
        assert (Verdict.OK, "Slack: Socket Mode can connect.") in found
        assert await wrong(app_token="xapp-other", api_url=socket.api_url) == [
            "BOT_SLACK_APP_TOKEN: Slack says invalid_auth."
        ]
        assert socket.connections == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"token_keys": "abc"}, "each key is 32 random bytes"),
        ({"token_keys": f"{KEY},{KEY[:-2]}"}, "each key is 32 random bytes"),
        ({"public_url": "bot.example.com"}, "public address is expected"),
        ({"public_url": "https://bot.example.com/path"}, "public address is expected"),
        ({"public_url": "https://["}, "public address is expected"),
    ],
)
def test_a_setting_of_the_wrong_shape_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        SlackSettings(_env_file=None, **changes)
    assert KEY not in str(refused.value)


def test_keys_and_address_are_read_as_people_write_them() -> None:
    other = Fernet.generate_key().decode()
    settings = SlackSettings(
        _env_file=None, token_keys=f" {KEY} , {other},", public_url="https://bot.example.com/"
    )
    assert settings.cipher_keys == (KEY, other)
    assert settings.public_url == "https://bot.example.com"
