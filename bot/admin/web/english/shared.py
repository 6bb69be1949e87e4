"""What stands on all pages, on the login's and on those of errors."""

from __future__ import annotations

SHARED = {
    "사진": "Pictures",
    "Bllossom 대시보드": "Bllossom dashboard",
    "본문으로 건너뛰기": "Skip to the content",
    "메뉴": "Menu",
    "이 메뉴의 페이지": "Pages of this section",
    "대화 기록": "Log",
    "운영": "Operations",
    "관리": "Administration",
    "전송 실패 답변": "Undelivered answers",
    "사용자": "User",
    "사용자들": "Users",
    "접속기록": "Audit log",
    "내 계정": "My account",
    "로그아웃": "Log out",
    "로그인": "Log in",
    "로그인이 바뀌어 아직 저장하지 않았습니다. 적어 둔 내용을 확인하고 다시 보내 주세요.": (
        "Not saved yet: you have logged in again. Check what you wrote, and send it once more."
    ),
    (
        "다른 사용자로 로그인해 있어 이 내용을 받지 않았습니다. 처음 쓰던 사용자로 로그인한 뒤 앞"
        " 페이지에서 다시 보내 주세요."
    ): (
        "Not taken: you are logged in as another user. Log in as the user who wrote it, and send"
        " it again from the page before."
    ),
    "아이디": "User name",
    "비밀번호": "Password",
    (
        "시각은 모두 한국 시간(KST, Asia/Seoul)입니다. 개인정보는 가려서 표시하지만,"
        " 이름은 가리지 못합니다."
    ): "All times are Korean (KST, Asia/Seoul). Personal data is masked, except names.",
    "2단계 인증": "Second factor",
    "인증 앱의 코드 6자리 또는 복구 코드": "The app's 6 digits, or a recovery code",
    "확인": "Continue",
    "처음부터 다시 로그인": "Log in from the beginning",
    "대시보드가 닫혀 있습니다. BOT_ADMIN_PASSWORD를 설정하고 다시 시작하면 열립니다.": (
        "The dashboard is closed. Set BOT_ADMIN_PASSWORD and restart to open it."
    ),
    "이 페이지를 볼 권한이 없습니다. 관리자에게 요청해 주세요.": (
        "You may not see this page. Ask an admin."
    ),
    "로그인을 너무 많이 시도했습니다. {seconds}초 뒤에 다시 시도해 주세요.": (
        "Too many attempts to log in. Try again in {seconds} seconds."
    ),
    "코드가 맞지 않거나 이미 사용되었습니다. 새 코드를 입력해 주세요.": (
        "The code is wrong or was used before. Enter a new one."
    ),
    (
        "인증 앱의 코드를 확인할 수 없습니다. 복구 코드를 쓰거나 관리자에게 2단계 인증 초기화를"
        " 요청해 주세요."
    ): (
        "The app's codes cannot be checked. Use a recovery code, or ask an admin to reset your"
        " second factor."
    ),
    "아이디 또는 비밀번호가 맞지 않습니다.": "The user name or the password is wrong.",
    "제한 시간 안에 검색을 마치지 못했습니다. 기간을 좁히거나 검색어를 더 길게 입력해 주세요.": (
        "The search did not end in time. Narrow the range, or search for a longer text."
    ),
    "데이터베이스에 연결할 수 없습니다. 잠시 뒤에 다시 시도해 주세요.": (
        "The database cannot be reached. Try again in a moment."
    ),
    "요청을 읽을 수 없습니다.": "The request cannot be read.",
    "페이지가 만료되었습니다. 새로고침한 뒤 다시 시도해 주세요.": (
        "The page has expired. Reload it and try again."
    ),
    "페이지를 찾을 수 없습니다.": "There is no such page.",
    "이 주소에서 지원하지 않는 요청입니다.": "This address does not take such a request.",
    "지금은 할 수 없는 변경입니다.": "This cannot be changed now.",
    "요청을 받는 데 시간이 너무 오래 걸렸습니다.": "The request took too long to arrive.",
    "요청의 길이를 알 수 없습니다.": "The length of the request is unknown.",
    "보내신 내용이 너무 큽니다.": "That is too large.",
    "요청의 형식을 읽을 수 없습니다.": "The form of the request cannot be read.",
    "요청을 처리할 수 없습니다.": "The request cannot be handled.",
    "대화 목록으로": "To the list of turns",
    "모두": "All",
    "검색": "Search",
    "초기화": "Reset",
    "페이지 이동": "Pages",
    "첫 페이지": "First page",
    "{seconds}초": "{seconds} s",
    "{minutes}분 {seconds}초": "{minutes} min {seconds} s",
    "{hours}시간": "{hours} h",
    "열람자": "Viewer",
    "검토자": "Reviewer",
    "관리자": "Admin",
    "역할": "Role",
    "언어": "Language",
    "사유": "Reason",
    "사용 중지": "Disabled",
    "페이지 주소가 올바르지 않습니다. 첫 페이지부터 다시 확인해 주세요.": (
        "The address of the page is wrong. Begin on the first page."
    ),
    "카카오톡": "KakaoTalk",
    "사내 메신저": "In-house messenger",
    "알 수 없음": "unknown",
    "시스템 프롬프트": "System prompt",
    "비교": "Comparison",
    "비교하기": "Compare",
    "버전": "Version",
    "시각": "Time",
    "단계": "Stage",
    "건수": "Count",
    "{count}건": "{count}",
    "{count}토큰": "{count} tokens",
    "개인정보": "Personal data",
    "형식": "Format",
    "내보낸 파일": "Exported files",
    "보관": "Kept",
    "설정 버전": "Settings version",
    "프롬프트 토큰": "Prompt tokens",
    "답변 토큰": "Answer tokens",
    "대상": "Object",
    "마지막 로그인": "Last login",
    "모든 메신저": "All messengers",
    "저장": "Save",
    "끝남": "Done",
    "삭제": "Delete",
    "새로고침": "Reload",
    "남긴 평가": "Votes given",
    "자세히": "Details",
    "{count}개": "{count}",
    "{count}회": "{count}",
    "긴 글이라 앞부분만 보여 드립니다.": "A long text: this is its beginning.",
    "질문 전체": "The whole question",
    "답변 전체": "The whole answer",
}
