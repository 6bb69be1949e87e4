"""Why a login by the provider failed: for the page, and for the audit log."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """What was wrong; the value stands in the audit log."""

    UNREACHABLE = "unreachable"
    METADATA = "metadata"
    DENIED = "denied"
    STATE = "state"
    TOKEN = "token"  # noqa: S105 - the name of a fault
    SIGNATURE = "signature"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    NONCE = "nonce"
    CLOCK = "clock"
    CLAIMS = "claims"
    NO_ROLE = "no_role"
    DISABLED = "disabled"


#: The sentences of the page, keys of the catalog.
SENTENCES: dict[Fault, str] = {
    Fault.UNREACHABLE: "회사 로그인 서버에 연결할 수 없습니다. 잠시 뒤에 다시 시도해 주세요.",
    Fault.METADATA: (
        "회사 로그인 서버의 설정을 읽을 수 없거나 BOT_ADMIN_OIDC_ISSUER와 다릅니다."
        " 관리자에게 알려 주세요."
    ),
    Fault.DENIED: "회사 로그인이 취소되었거나 거절되었습니다.",
    Fault.STATE: "로그인이 만료되었거나 다른 창에서 시작되었습니다. 처음부터 다시 로그인해 주세요.",
    Fault.TOKEN: "회사 로그인 서버가 로그인을 확인해 주지 않았습니다. 다시 로그인해 주세요.",
    Fault.SIGNATURE: "회사 로그인 서버의 서명을 확인할 수 없습니다. 관리자에게 알려 주세요.",
    Fault.ISSUER: "다른 로그인 서버가 발급한 로그인입니다. 관리자에게 알려 주세요.",
    Fault.AUDIENCE: "다른 서비스에 발급된 로그인입니다. 관리자에게 알려 주세요.",
    Fault.NONCE: "이 로그인에 대한 응답이 아닙니다. 처음부터 다시 로그인해 주세요.",
    Fault.CLOCK: "로그인의 유효 시간이 맞지 않습니다. 두 서버의 시계를 확인해 주세요.",
    Fault.CLAIMS: "회사 로그인 서버가 보낸 정보가 부족합니다. 관리자에게 알려 주세요.",
    Fault.NO_ROLE: "이 계정에는 대시보드 권한이 없습니다. 관리자에게 요청해 주세요.",
    Fault.DISABLED: "사용이 중지된 계정입니다. 관리자에게 요청해 주세요.",
}


class OidcError(Exception):
    """A login by the provider that goes no further.

    ``subject``: the provider's name of the person, once its signature is known to be good.
    """

    def __init__(self, fault: Fault, *, subject: str = "") -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.subject = subject
