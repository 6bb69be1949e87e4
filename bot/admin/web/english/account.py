"""The page of one's own account, and those of the second factor."""

from __future__ import annotations

ACCOUNT = {
    "비밀번호를 바꿨습니다. 다른 곳의 로그인은 모두 끝났습니다.": (
        "The password is changed. You are logged out everywhere else."
    ),
    "언어를 바꿨습니다.": "The language is changed.",
    "2단계 인증을 껐습니다.": "The second factor is off.",
    "너무 많이 시도했습니다. {seconds}초 뒤에 다시 시도해 주세요.": (
        "Too many attempts. Try again in {seconds} seconds."
    ),
    "새 비밀번호 두 개가 서로 다릅니다.": "The two new passwords differ.",
    "지금과 다른 비밀번호를 정해 주세요.": "Choose a password other than the present one.",
    "언어를 목록에서 골라 주세요.": "Choose a language of the list.",
    "지금 비밀번호가 맞지 않습니다.": "The present password is wrong.",
    "일회용 비밀번호로 로그인했습니다. 새 비밀번호를 정하면 다른 페이지가 열립니다.": (
        "You logged in with a one-time password. Choose your own, and the other pages open."
    ),
    "화면의 언어": "Language of the pages",
    "언어 바꾸기": "Change the language",
    "지금 비밀번호": "Present password",
    "새 비밀번호 (12자 이상)": "New password (12 characters or more)",
    "새 비밀번호 확인": "New password again",
    "비밀번호 바꾸기": "Change the password",
    "첫 관리자의 비밀번호는 설정 BOT_ADMIN_PASSWORD에서 바꿉니다.": (
        "The first admin's password is the setting BOT_ADMIN_PASSWORD."
    ),
    "켜짐": "on",
    "남은 복구 코드: {count}개": "Recovery codes left: {count}",
    "복구 코드 새로 만들기": "Make new recovery codes",
    "2단계 인증 끄기": "Switch the second factor off",
    "로그인할 때 비밀번호에 더해 인증 앱(Google Authenticator 등)의 6자리 코드를 묻습니다.": (
        "A login then asks for six digits of an app (such as Google Authenticator) beside the"
        " password."
    ),
    "2단계 인증 켜기": "Switch the second factor on",
    "2단계 인증을 쓰려면 관리자가 설정 BOT_ADMIN_SECRET_KEYS에 키를 넣어야 합니다.": (
        "For a second factor, the setting BOT_ADMIN_SECRET_KEYS needs a key."
    ),
    "1. 인증 앱에 등록": "1. Enter it into the app",
    "인증 앱에 아래 비밀 키를 입력하세요. 종류는 시간 기반(TOTP)입니다.": (
        "Type this secret into the app. It is time-based (TOTP)."
    ),
    "이 기기의 인증 앱으로 열기": "Open in this device's app",
    "앱에 붙여 넣을 주소": "The address to paste into an app",
    "2. 코드 확인": "2. Confirm a code",
    "앱에 보이는 6자리 코드": "The six digits that the app shows",
    "켜기": "Switch on",
    "코드가 맞지 않습니다. 휴대전화의 시각이 맞는지 확인하고 새 코드를 입력해 주세요.": (
        "The code is wrong. Look whether the telephone's clock is right, and enter a new code."
    ),
    "복구 코드": "Recovery codes",
    "이 코드는 지금 한 번만 보입니다. 인쇄하거나 안전한 곳에 적어 두세요.": (
        "These codes are shown this once. Print them, or note them in a safe place."
    ),
    "휴대전화가 없을 때 6자리 코드 대신 하나를 입력합니다. 코드마다 한 번만 쓸 수 있습니다.": (
        "Enter one in place of the six digits when the telephone is gone. Each is good once."
    ),
    "적어 두었습니다": "I have noted them",
}
