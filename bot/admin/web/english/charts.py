"""The charts."""

from __future__ import annotations

CHARTS = {
    "차트": "Charts",
    "← 모든 차트": "← All charts",
    "이 기간에는 기록이 없습니다. 다른 기간이나 메신저를 골라 주세요.": (
        "Nothing was recorded in this range. Choose another range or messenger."
    ),
    "표로 보기": "Show the numbers",
    "기간": "Range",
    "{start}부터 {end}까지: {summary}. 수치는 표에 있습니다.": (
        "From {start} to {end}: {summary}. The numbers are in the table."
    ),
    "시간 이동": "Move in time",
    "← 이전": "← Earlier",
    "다음 →": "Later →",
    "지금": "Now",
    "아직 집계하지 않았습니다. 잠시 뒤에 새로고침해 주세요.": (
        "Nothing has been counted yet. Reload in a moment."
    ),
    "{moment}까지 집계했습니다. 나머지를 집계하는 중입니다.": (
        "Counted up to {moment}. The rest is being counted."
    ),
    "{moment}까지 집계했습니다. 수치는 질문 처리가 끝난 시각을 기준으로 합니다.": (
        "Counted up to {moment}. A question counts at the time when it was done."
    ),
    (
        "이 기간에는 처리한 질문이 없습니다. 메신저로 질문이 오면 1분 안에 여기에 나타납니다. 다른"
        " 기간을 골라 보세요."
    ): (
        "No question was handled in this range. One from a messenger appears here within a"
        " minute. Choose another range."
    ),
    "단계별로 걸린 시간": "Time taken by each stage",
    "질문 접수부터 답변 전달까지": "received → delivered",
    "접수 → 대기열": "received → queued",
    "대기열 → 생성 시작": "queued → started",
    "생성 시작 → 첫 토큰": "started → first token",
    "생성 시작 → 생성 끝": "started → generated",
    "답변 확정 → 전달": "settled → delivered",
    "답변까지 걸린 시간": "Time to the answer",
    "걸린 시간: 접수 → 대기열": "Time taken: received → queued",
    "걸린 시간: 대기열 → 생성 시작": "Time taken: queued → started",
    "걸린 시간: 생성 시작 → 첫 토큰": "Time taken: started → first token",
    "걸린 시간: 생성 시작 → 생성 끝": "Time taken: started → generated",
    "걸린 시간: 답변 확정 → 전달": "Time taken: settled → delivered",
    "처리한 질문": "Questions handled",
    "제시간에 답변한 비율": "Share answered in time",
    (
        "답변이 필요했던 질문 가운데 각 메신저의 기한 안에 답변이 전달된 비율입니다. 카카오톡은"
        " 콜백 기한, 그 밖에는 접수 후 60초가 기한입니다."
    ): (
        "Of the questions that needed an answer, those whose answer was delivered in time: by the"
        " callback's deadline in KakaoTalk, elsewhere within 60 seconds."
    ),
    "구간을 나누어 센 값이라 실제와 9%까지 다를 수 있습니다.": (
        "Durations are counted in ranges, so a value can be off by up to 9%."
    ),
    "대기열 길이": "Length of the queue",
    "모델을 기다린 질문이 가장 많았던 때의 수입니다. 10초마다 셉니다.": (
        "The most questions that waited for the model at a time, counted every 10 seconds."
    ),
    "초당 생성 토큰": "Tokens generated per second",
    "끝난 답변의 토큰을 시간으로 나눈 값입니다.": "Tokens of finished answers, by time.",
    "대화 하나에 쓴 생성 시간": "Generation per conversation",
    "모델이 답변을 쓴 시간을 그동안 시작된 대화 수로 나눈 값입니다.": (
        "The model's time for answers, by the conversations that began meanwhile."
    ),
    "대화 하나에 쓴 CPU 시간": "CPU time per conversation",
    (
        "워커와 봇의 프로세스가 쓴 CPU 시간을 시작된 대화 수로 나눈 값입니다. 봇의 값은 모든 대화의"
        " 평균이고 쉬는 동안 쓴 시간도 들어 있습니다. 모델 서버를 따로 쓰면 그 서버의 CPU 시간은"
        " 들어 있지 않습니다."
    ): (
        "CPU time of the processes of workers and bots, by the conversations that began. The"
        " bots' is the average of all conversations and includes what they use while idle. The"
        " time of a model server of its own is not included."
    ),
    "대화 하나에 쓴 GPU 시간": "GPU time per conversation",
    "GPU 시간": "GPU time",
    (
        "모델 엔진이 일한 시간을 시작된 대화 수로 나눈 값입니다. 답변 여러 개를 한꺼번에 쓰면 그"
        " 시간을 똑같이 나눕니다. GPU 없이 돌리는 엔진은 CPU로 일한 시간입니다."
    ): (
        "The time for which the model's engine was busy, by the conversations that began. Answers"
        " written at the same time share it evenly. Of an engine without a GPU it is time on the"
        " CPU."
    ),
    (
        "답변 {answered}건 가운데 {measured}건에서 잰 값입니다. 이전 버전의 워커나 봇이 처리한"
        " 답변에는 이 시간이 남지 않습니다."
    ): (
        "Measured on {measured} of {answered} answers: those that a worker or bot of a previous"
        " version handled are without these times."
    ),
    (
        "이전 버전의 봇은 자기가 쓴 시간을 알려 주지 않습니다. 그런 봇이 함께 돌던 동안 봇의 값은"
        " 실제보다 낮거나 없습니다."
    ): (
        "A bot of a previous version does not report its own time: while one ran beside the others,"
        " the bots' values are too low, or missing."
    ),
    "봇·워크스페이스": "Bot or workspace",
    "봇이나 워크스페이스를 알 수 없습니다. 아래에서 골라 주세요.": (
        "The bot or workspace is unknown. Choose one below."
    ),
    "그 밖": "others",
    "모두 {amount}": "{amount} in all",
    "실패와 시간 초과": "Failures and timeouts",
    "사용자 평가": "Feedback by users",
    "최대 {count}": "at most {count}",
    "생성 토큰": "Tokens generated",
    "좋아요 {good} · 싫어요 {bad}": "good {good} · bad {bad}",
    "해당 차트를 찾을 수 없습니다. 주소가 잘못되었을 수 있습니다.": (
        "There is no such chart. The address may be wrong."
    ),
    "1시간": "1 hour",
    "6시간": "6 hours",
    "1일": "1 day",
    "7일": "7 days",
    "30일": "30 days",
    "90일": "90 days",
    "끝 시각을 읽을 수 없습니다. 예: 2026-11-22T09:30": (
        "The end of the range cannot be read. Example: 2026-11-22T09:30"
    ),
    "기간을 알 수 없습니다. 아래에서 골라 주세요.": "The range is unknown. Choose one below.",
    "메신저를 알 수 없습니다. 아래에서 골라 주세요.": (
        "The messenger is unknown. Choose one below."
    ),
}
