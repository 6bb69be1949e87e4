"""Login by the company's provider."""

from __future__ import annotations

PROVIDER = {
    "또는": "or",
    "회사 계정으로 로그인": "Log in with the company account",
    "회사 계정으로 로그인합니다. 비밀번호와 2단계 인증은 회사 계정에서 관리합니다.": (
        "You log in with the company account, which has its own password and second factor."
    ),
    "회사 로그인 서버에 연결할 수 없습니다. 잠시 뒤에 다시 시도해 주세요.": (
        "The company's login server cannot be reached. Try again in a moment."
    ),
    (
        "회사 로그인 서버의 설정을 읽을 수 없거나 BOT_ADMIN_OIDC_ISSUER와 다릅니다."
        " 관리자에게 알려 주세요."
    ): (
        "What the company's login server says of itself cannot be read, or is not that of"
        " BOT_ADMIN_OIDC_ISSUER. Tell an admin."
    ),
    "회사 로그인이 취소되었거나 거절되었습니다.": "The company's login was cancelled or refused.",
    "로그인이 만료되었거나 다른 창에서 시작되었습니다. 처음부터 다시 로그인해 주세요.": (
        "The login has expired, or began in another browser. Log in from the beginning."
    ),
    "회사 로그인 서버가 로그인을 확인해 주지 않았습니다. 다시 로그인해 주세요.": (
        "The company's login server did not confirm the login. Log in again."
    ),
    "회사 로그인 서버의 서명을 확인할 수 없습니다. 관리자에게 알려 주세요.": (
        "The signature of the company's login server cannot be checked. Tell an admin."
    ),
    "다른 로그인 서버가 발급한 로그인입니다. 관리자에게 알려 주세요.": (
        "The login comes from another server. Tell an admin."
    ),
    "다른 서비스에 발급된 로그인입니다. 관리자에게 알려 주세요.": (
        "The login was meant for another service. Tell an admin."
    ),
    "이 로그인에 대한 응답이 아닙니다. 처음부터 다시 로그인해 주세요.": (
        "This is no answer to this login. Log in from the beginning."
    ),
    "로그인의 유효 시간이 맞지 않습니다. 두 서버의 시계를 확인해 주세요.": (
        "The login is not valid at this time. Look at the clocks of both servers."
    ),
    "회사 로그인 서버가 보낸 정보가 부족합니다. 관리자에게 알려 주세요.": (
        "The company's login server says too little. Tell an admin."
    ),
    "이 계정에는 대시보드 권한이 없습니다. 관리자에게 요청해 주세요.": (
        "This account may not use the dashboard. Ask an admin."
    ),
    "사용이 중지된 계정입니다. 관리자에게 요청해 주세요.": (
        "This account is disabled. Ask an admin."
    ),
}
