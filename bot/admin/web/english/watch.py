"""The live tail, workers, alerts and dead letters."""

from __future__ import annotations

_LIVE = {
    "실시간": "Live",
    "잠시 멈추기": "Pause",
    "이어서 보기": "Go on",
    "자바스크립트가 꺼져 있어 자동으로 바뀌지 않습니다.": (
        "JavaScript is off, so the page does not change by itself."
    ),
    "가장 새로운 질문부터 보여 줍니다. 새로고침하면 지금 상태를 볼 수 있습니다.": (
        "The newest questions come first. Reload to see how things stand."
    ),
    "아직 질문이 없습니다. 메신저로 질문을 보내면 여기에 바로 나타납니다.": (
        "There are no questions yet. One from a messenger appears here at once."
    ),
    "연결됨: 새 질문과 답변이 바로 나타납니다.": (
        "Connected: new questions and answers appear at once."
    ),
    "연결이 끝났습니다. 새로고침해 주세요.": "The connection has ended. Reload the page.",
    "연결이 끊겼습니다. 다시 연결하는 중입니다.": "The connection is lost. Connecting again.",
    "질문이 너무 빨리 와서 건너뛴 수:": "Questions came too fast. Skipped:",
    "메신저를 알 수 없습니다. 목록에서 골라 주세요.": (
        "The messenger is unknown. Choose one of the list."
    ),
    "실시간 페이지가 너무 많이 열려 있습니다. 다른 창을 닫고 다시 열어 주세요.": (
        "Too many live pages are open. Close another window and open this one again."
    ),
}

_WORKERS = {
    "워커": "Workers",
    "워커와 대기열": "Workers and the queue",
    "실행 중 {running}건 · 준비된 슬롯 {slots}개. 새로고침하면 지금 상태를 보여 줍니다.": (
        "{running} running · {slots} slots ready. Reload to see how things stand."
    ),
    "Valkey에 연결할 수 없어 워커의 상태를 알 수 없습니다. 답변은 계속 만들어집니다.": (
        "Valkey cannot be reached, so the workers' state is unknown. Answers go on."
    ),
    (
        "실행 중인 워커가 없습니다. GPU가 있는 기계에서 아래 명령을 실행하면 15초 안에 여기에"
        " 나타납니다. 그때까지 질문은 대기열에 남습니다."
    ): (
        "No worker is running. One that is started by this command, on a machine with a GPU,"
        " appears here within 15 seconds. Until then questions stay in the queue."
    ),
    "대기 중인 질문": "Queue",
    "기다리는 질문": "Waiting questions",
    "가장 오래 기다린 시간": "Longest wait",
    "기다리는 질문이 없습니다.": "No question is waiting.",
    "대기열 길이 차트 보기": "Chart of the queue's length",
    "신호 없음": "silent",
    "준비됨": "ready",
    "모델 읽는 중": "loading the model",
    "마무리 중": "finishing",
    "엔진에 연결되지 않음": "engine unavailable",
    "모델을 읽지 못함": "model not loaded",
    "엔진": "Engine",
    "슬롯": "Slots",
    "어댑터": "Adapter",
    "고를 수 있는 어댑터": "Adapters to choose from",
    "백그라운드 작업": "Background jobs",
    "{busy} / {slots} 사용 중": "{busy} of {slots} in use",
    "볼 수 있음": "understood",
    "답변 하나": "One answer",
    "속도": "Speed",
    "초당 {count}토큰": "{count} tokens per second",
    "맡은 작업": "Jobs",
    "마지막 신호": "Last heard",
    "가장 오래된 작업 {time}째": "the oldest for {time}",
    "{count}번째 시도 포함": "up to attempt {count}",
    "{model} (시험용)": "{model} (demo)",
    "{seconds}초 전": "{seconds} s ago",
}

_ALERTS = {
    "알림": "Alerts",
    "받는 곳: {channels}. 확인하지 않은 알림은 4시간마다 다시 보냅니다.": (
        "Sent to: {channels}. What nobody acknowledges is sent again every 4 hours."
    ),
    (
        "알림을 받을 곳이 없습니다. 다음 설정 가운데 하나를 정하고 다시 시작하면 이 페이지 밖에서도"
        " 알려 드립니다."
    ): (
        "Alerts are shown on this page alone. Choose one of these settings and restart to be told"
        " elsewhere, too:"
    ),
    "내용": "Detail",
    "살펴보기": "Look at it",
    "알린 시각": "Told at",
    "꺼짐": "Silenced",
    "{moment}까지": "until {moment}",
    "확인했습니다": "Acknowledge",
    (
        "{channel}: {since}부터 알림을 보내지 못하고 있습니다({detail}). 받는 곳의 설정을 확인해"
        " 주세요."
    ): (
        "{channel}: no alert could be sent since {since} ({detail}). Check the settings of this"
        " channel."
    ),
    "웹훅": "webhook",
    "메일": "mail",
    "답변을 전달하지 못하고 있습니다": "Answers are not delivered",
    "답변할 모델이 없습니다": "There is no model to answer",
    "답변이 기한보다 늦습니다": "Answers are late",
    "디스크가 거의 찼습니다": "The disk is almost full",
    "답변 전달": "Delivery of answers",
    "답변 기한 준수": "Answers in time",
    "디스크": "Disk",
    "최근 30분 동안 {count}건 가운데 {share}%만 제시간": (
        "of {count} in the last 30 minutes, only {share}% in time"
    ),
    "최근 15분 동안 {count}건": "{count} in the last 15 minutes",
    "남은 공간 {share}%": "{share}% of the space is left",
    "작업을 받는 워커 0개": "no worker takes jobs",
    "해당 알림을 찾을 수 없습니다.": "There is no such alert.",
    "울리는 중이 아니거나 이미 확인한 알림입니다.": (
        "The alert does not fire, or is acknowledged already."
    ),
    "끌 시간을 목록에서 골라 주세요.": "Choose one of the times to silence it for.",
    "알림 다시 켜기": "Tell again",
    "1시간 끄기": "Silence for 1 hour",
    "8시간 끄기": "Silence for 8 hours",
    "하루 끄기": "Silence for a day",
    "울리는 중": "firing",
    "정상": "fine",
    "확인함": "acknowledged",
    "[Bllossom] 경고: {title}": "[Bllossom] Warning: {title}",
    "[Bllossom] 해결됨: {title}": "[Bllossom] Resolved: {title}",
    "대시보드에서 확인해 주세요: /admin/alerts": "See the dashboard: /admin/alerts",
}

_DEAD_LETTERS = {
    "전송 실패 답변 고르기": "Choose undelivered answers",
    "보기": "Show",
    "진행 중": "Running",
    "멈춤": "Stopped",
    "{count}건 다시 보냄": "{count} sent again",
    "{count}건 남음": "{count} left",
    "다시 보내기 진행": "Progress of sending again",
    "멈추기": "Stop",
    "조건에 맞는 답변 {all}건 가운데 {sendable}건을 다시 보낼 수 있습니다.": (
        "Of {all} matching answers {sendable} can be sent again."
    ),
    "나머지는 기한이 지났습니다.": "The rest is past its deadline.",
    "전달 여부를 확인하지 못한 답변은 사용자가 이미 받았을 수 있어 두 번 보일 수 있습니다.": (
        "An unconfirmed answer may have arrived, and would then be seen twice."
    ),
    "{count}건 모두 다시 보내기": "Send all {count} again",
    "이유": "Reason",
    "{count}회 시도": "attempts: {count}",
    "기한이 지났습니다": "past its deadline",
    "조건에 맞는 답변이 없습니다. 조건을 바꿔 보세요.": (
        "No answer matches. Choose other conditions."
    ),
    "전송에 실패한 답변이 없습니다. 새로 생기면 여기에서 다시 보낼 수 있습니다.": (
        "There are no undelivered answers. A new one can be sent again from here."
    ),
    "이전 목록": "Older answers",
    "알 수 없는 조건입니다. 목록에서 골라 주세요.": (
        "The condition is unknown. Choose one of the list."
    ),
    "이미 끝났거나 없는 작업입니다.": "There is no such order, or it has ended.",
    "모든 상태": "all states",
}

_ACTS = {
    "전송 실패 답변 모두 다시 보내기": "Undelivered answers sent again",
    "다시 보내기 멈춤": "Sending again stopped",
    "실시간 열람": "Watched live",
    "알림 확인": "Alert acknowledged",
    "알림 끄기": "Alert silenced",
    "끈 시간(시)": "hours of silence",
}

WATCH = {**_LIVE, **_WORKERS, **_ALERTS, **_DEAD_LETTERS, **_ACTS}
