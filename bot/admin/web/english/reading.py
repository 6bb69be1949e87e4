"""The pages that read: conversations, turns, prompts, requests, people and rooms."""

from __future__ import annotations

READING = {
    # what people saw
    "스레드에 보임": "in a thread",
    "채널의 모두에게 보임": "to everybody in the channel",
    "질문한 사람에게만 보임": "to the asker alone",
    "사내 메신저가 표시": "shown by the in-house messenger",
    "다시 답변": "asked again",
    "이어서 답변": "goes on",
    "사용자가 멈춤": "stopped by a person",
    "메신저가 멈춤": "stopped by the messenger",
    "사진 거절": "picture declined",
    "사진 {count}장": "{count} pictures",
    "보낸 사진 {number}": "Picture {number} as it was sent",
    "사진 {number} · 가려짐": "Picture {number} · masked",
    "대화에서 개인정보를 표시하면 사진도 볼 수 있습니다.": (
        "Unmask the conversation to see its pictures too."
    ),
    "해당 사진을 찾을 수 없습니다. 보관 기간이 지났거나 삭제되었을 수 있습니다.": (
        "There is no such picture. It may have been deleted, or kept long enough."
    ),
    "사진은 가려져 있습니다. 대화에서 사유를 적고 개인정보를 표시한 뒤에 볼 수 있습니다.": (
        "The picture is masked. Unmask its conversation with a reason to see it."
    ),
    "쓰는 동안 보임": "seen while it was written",
    "‘{label}’ 버튼을 누르면 보이는 부분": "Shown when “{label}” is pressed",
    "기다려 달라는 안내와 버튼 (어떤 문장이었는지는 남지 않습니다)": (
        "A sentence that asks to wait, and a button (which sentence it was is not kept)"
    ),
    "버튼": "Buttons",
    "전달 기록이 없는 답변입니다.": "There is no record of a delivery.",
    "AI가 답변한다고 알렸습니다.": "Told that an AI answers.",
    "상담원을 불렀습니다. 이때부터 봇은 답변하지 않습니다.": (
        "A human was called: the bot is silent from here on."
    ),
    "다시 봇이 답변합니다.": "The bot answers again.",
    "지금은 상담원이 답변하는 대화입니다. {moment}까지 봇은 답변하지 않습니다.": (
        "A human answers here: the bot is silent until {moment}."
    ),
    "전체 보기": "Read all",
    # a turn
    "대화 {conversation}의 질문 {seq}": "Question {seq} of conversation {conversation}",
    "이 질문": "This question",
    "사용자가 본 대로": "As the person saw it",
    "모델이 읽은 대로": "As the model read it",
    "받은 요청": "The request",
    "봇의 문장과 버튼은 지금 설정으로 그렸습니다.": (
        "The bot's own sentences and buttons are drawn with the settings of now."
    ),
    "무슨 일이 있었나요": "What happened",
    "시간표": "Time line",
    "접수부터 {total} 동안을 실제 비율로 그렸습니다.": "{total} since the receipt, to scale.",
    "비율": "Scale",
    "순서 기다림": "Waiting its turn",
    "실행 {number}": "Run {number}",
    "첫 토큰까지": "To the first token",
    "답변 쓰기": "Writing",
    "결과 저장": "Storing",
    "전달 기다림": "Waiting for delivery",
    "전달 시도 {number}": "Delivery {number}",
    "{length}째": "{length} so far",
    "이어진 질문": "Related questions",
    "이 질문을 합쳐 답한 질문": "The question that this one was answered with",
    "다시 답변하기 전의 답변": "The answer that this one replaces",
    "이어 쓰기 전의 답변": "The answer that this one goes on with",
    "함께 답한 질문": "Answered with this one",
    "다시 답변한 질문": "Asks this one again",
    "이어서 답변한 질문": "Goes on with this answer",
    "사용자의 평가": "People's votes",
    "사실과 다름": "not true",
    "도움이 안 됨": "not helpful",
    "불쾌하거나 위험함": "offensive or harmful",
    "읽기 불편함": "hard to read",
    "말이 어색함": "odd Korean",
    "메신저의 메시지": "Messages in the messenger",
    "메시지 {number}": "Message {number}",
    "보내는 중": "being posted",
    "스트리밍 중": "streaming",
    "고쳐 쓰는 중": "being edited",
    "다 보임": "whole",
    "모든 기록": "All facts",
    "질문에서 잘린 글자": "Cut from the question",
    "{count}자": "{count} characters",
    "작업 ID": "Job ID",
    "중간에 멈춤": "stopped",
    "사진을 볼 수 없는 모델": "the model sees no pictures",
    # a prompt
    "메시지": "Messages",
    "이 질문의 프롬프트는 기록되지 않았습니다. 아직 대기열에 들어가지 않았거나 이전 버전의 봇이 처리한 질문입니다.": (  # noqa: E501
        "The prompt of this question was not recorded: it is not queued yet, or a previous "
        "version of the bot handled it."
    ),
    "빠진 것": "What was left out",
    "이 세션의 더 오래된 답변 {count}개는 봇이 프롬프트에 넣지 않았습니다.": (
        "{count} older answers of this session: the bot did not put them into the prompt."
    ),
    "모델이 읽을 수 있는 길이를 넘어, 워커가 가장 오래된 메시지 {count}개를 뺐습니다.": (
        "The oldest {count} messages: beyond what the model can read, the worker dropped them."
    ),
    "질문 하나만으로도 길어서, 워커가 {count}자를 잘랐습니다.": (
        "{count} characters of the question, which was too long by itself: the worker cut them."
    ),
    "메시지 {count}개는 그 뒤에 삭제되어 보여 드릴 수 없습니다.": (
        "{count} messages were erased since and cannot be shown."
    ),
    "사진 {count}장을 함께 보았습니다.": "The model saw {count} pictures with it.",
    "원래 질문": "its turn",
    "워커가 뺀 메시지": "dropped by the worker",
    "그 뒤에 삭제된 메시지입니다.": "Erased since.",
    "다음 메시지": "Next messages",
    "모델이 읽은 질문": "The question as the model read it",
    "{total}자 중 {start}번째부터": "From character {start} of {total}",
    "이어서 읽기": "Read on",
    # a request
    "요청 원문은 보관하지 않습니다. 요청에서 읽어 저장한 값만 보여 드리고, 콜백 주소처럼 비밀인 값은 보여 드리지 않습니다. 이 페이지를 연 것은 접속기록에 남았습니다.": (  # noqa: E501
        "The request itself is not kept. These are the values that were read from it; secrets "
        "such as callback addresses are not shown. That you opened this page is in the audit log."
    ),
    "테넌트": "Tenant",
    "이벤트 키": "Event key",
    "글": "Text",
    "첨부": "Attached",
    "답변 기한": "Answer due",
    "{count}자, 보이지 않음": "{count} characters, not shown",
    # people and rooms
    "해당 사용자를 찾을 수 없습니다. 주소가 잘못되었거나 대시보드 비밀번호가 바뀌었습니다.": (
        "There is no such person: the address is wrong, or the dashboard's password has changed."
    ),
    "해당 채널을 찾을 수 없습니다. 주소가 잘못되었거나 대시보드 비밀번호가 바뀌었습니다.": (
        "There is no such room: the address is wrong, or the dashboard's password has changed."
    ),
    "질문 {count}개 이상": "{count} questions or more",
    "질문 찾기": "Find the questions",
    "나눈 대화": "Conversations",
    "이 사용자의 질문이 남아 있지 않습니다. 삭제되었을 수 있습니다.": (
        "Nothing is left of this person. It may have been erased."
    ),
    "채널": "Channel",
    "대화 {count}개": "{count} conversations",
    "대화 {count}개 이상": "{count} conversations or more",
    "이 채널의 대화가 남아 있지 않습니다. 삭제되었을 수 있습니다.": (
        "No conversation is left of this channel. They may have been erased."
    ),
    # the audit log
    "질문 열람": "Turn read",
    "프롬프트 열람": "Prompt read",
    "요청 열람": "Request read",
    "사진 열람": "Picture seen",
    "사용자 열람": "Person read",
    "채널 열람": "Room read",
}
