"""The pages on which admins manage users."""

from __future__ import annotations

USERS = {
    "다음 사용자": "More users",
    "사용자 추가": "Add a user",
    "첫 비밀번호 (비워 두면 일회용 비밀번호를 만듭니다)": (
        "First password (empty: a one-time password is made)"
    ),
    "추가": "Add",
    "{moment}에 추가": "added {moment}",
    "개인정보가 가려진 대화를 읽습니다.": "reads conversations with personal data masked",
    "열람자의 권한에 더해 답변을 평가합니다.": "does what a viewer does, and judges answers",
    "검토자의 권한에 더해 답변을 다시 보내고, 사용자와 접속기록을 관리합니다.": (
        "does what a reviewer does, sends answers again, manages users and reads the audit log"
    ),
    "사유 (접속기록에 남습니다)": "Reason (it stays in the audit log)",
    "일회용 비밀번호": "One-time password",
    "{moment}까지 쓸 수 있습니다.": "It can be used until {moment}.",
    "이 비밀번호는 지금 한 번만 보입니다. 안전한 방법으로 사용자에게 전해 주세요.": (
        "This password is shown this once. Hand it to the user in a safe way."
    ),
    "역할 바꾸기": "Change the role",
    "새 비밀번호 (비워 두면 일회용 비밀번호를 만듭니다)": (
        "New password (empty: a one-time password is made)"
    ),
    "휴대전화와 복구 코드를 모두 잃은 사용자가 비밀번호만으로 다시 로그인할 수 있게 합니다.": (
        "Lets a user who lost telephone and recovery codes log in with the password alone."
    ),
    "2단계 인증 초기화": "Reset the second factor",
    "계정을 중지하면 바로 로그아웃되고 다시 로그인할 수 없습니다. 기록은 남습니다.": (
        "The user is logged out at once and cannot come back. The records stay."
    ),
    "계정 다시 열기": "Open the account again",
    "계정 사용 중지": "Disable the account",
    (
        "첫 관리자입니다. 비밀번호는 설정 BOT_ADMIN_PASSWORD에 있고, 여기서 바꾸거나 중지할 수"
        " 없습니다."
    ): (
        "This is the first admin. The password is the setting BOT_ADMIN_PASSWORD; nothing is"
        " changed here."
    ),
    "자신의 역할과 상태는 다른 관리자가 바꿉니다.": (
        "Another admin changes your own role and state."
    ),
    "이 사용자의 접속기록": "This user's audit log",
    "아이디는 글자, 숫자와 . _ - @ +로 64자까지 쓸 수 있습니다.": (
        "A user name is up to 64 letters, digits and . _ - @ + long."
    ),
    "비밀번호는 12자 이상 1024자 이하로 정해 주세요.": ("A password has 12 to 1024 characters."),
    "같은 글자가 너무 많이 반복됩니다. 다른 비밀번호를 정해 주세요.": (
        "Too many characters are the same. Choose another password."
    ),
    "사용자를 추가했습니다. 첫 로그인 때 새 비밀번호를 정하게 됩니다.": (
        "The user is added, and chooses a password at the first login."
    ),
    "역할을 바꿨습니다. 사용자는 다시 로그인해야 합니다.": (
        "The role is changed. The user has to log in again."
    ),
    "계정을 사용 중지했습니다.": "The account is disabled.",
    "계정을 다시 열었습니다.": "The account is open again.",
    "비밀번호를 바꿨습니다. 다음 로그인 때 새 비밀번호를 정하게 됩니다.": (
        "The password is changed, and the user chooses another at the next login."
    ),
    "2단계 인증을 초기화했습니다.": "The second factor is reset.",
    "해당 사용자를 찾을 수 없습니다.": "There is no such user.",
    "역할을 목록에서 골라 주세요.": "Choose a role of the list.",
    "이미 있는 아이디입니다. 다른 아이디를 정해 주세요.": (
        "There is such a user already. Choose another name."
    ),
}
