"""The sentences of the bot itself, in Korean and in English."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """One language's sentences; the sender fills in the ``{}`` fields."""

    busy: str
    empty_utterance: str
    media_unsupported: str
    unreadable: str  #: the request has no person or no text
    too_long: str
    rate_limited: str
    conversation_full: str  #: the person's earlier questions have no answer yet
    storage_down: str
    storage_fault: str  #: Postgres refuses this one message; sending it unchanged does not help
    repetition_note: str  #: follows an answer whose model repeated itself and was stopped
    thinking: str  #: the acknowledgement of a command
    callback_waiting: str  #: the acknowledgement before a callback
    worker_down: str  #: the model is off, and the answer will be sent later
    worker_down_held: str  #: the model is off, and the person has to fetch the answer
    held_busy: str  #: a long backlog; the expected wait in minutes
    held_ready_soon: str
    held_partial: str  #: follows a partial answer
    held_still: str  #: the button was pressed too early
    held_expired: str
    earlier_label: str  #: label of the button below a later answer
    earlier_expired: str
    held_delivered_already: str
    failed: str
    prompt_too_long: str
    expired: str
    cancelled: str  #: where the messenger waits for a response, whatever it is
    merged: str  #: answered together with the message after it
    cut_note: str  #: follows an answer that was cut to fit, or that the model did not finish
    continue_label: str  #: label and text of the button below an unfinished answer
    fetch_label: str  #: label of the button that fetches an answer; at most 14 characters
    reset_done: str
    help: str  #: for messengers whose commands begin with "/"
    help_command: str  #: for messengers whose commands follow the bot's slash command
    ai_notice: str  #: Korean AI Basic Act, in force 2026-01-22: say that an AI wrote it


TEXTS: dict[str, Texts] = {
    "ko": Texts(
        busy="지금은 질문이 많이 밀려 있어요. 잠시 뒤에 다시 보내 주세요.",
        empty_utterance="보내 주신 메시지가 비어 있어요. 궁금한 점을 글로 적어 주세요.",
        media_unsupported="아직 사진이나 파일은 볼 수 없어요. 글로 적어 보내 주세요.",
        unreadable="메시지를 읽지 못했어요. 다시 한번 보내 주세요.",
        too_long="메시지가 너무 길어요. {max}자까지 읽을 수 있으니 줄이거나 나누어 보내 주세요.",
        rate_limited="짧은 시간에 메시지를 많이 보내셨어요. 1분쯤 뒤에 다시 보내 주세요.",
        conversation_full=(
            "앞서 보내 주신 질문에 아직 답하고 있어요. 답변을 받으신 뒤에 다시 보내 주세요."
        ),
        storage_down="지금은 메시지를 저장할 수 없어요. 잠시 뒤에 다시 보내 주세요.",
        storage_fault="이 메시지는 저장하지 못했어요. 내용을 바꿔서 다시 보내 주세요.",
        repetition_note=(
            "※ 같은 말이 되풀이되어 여기서 멈췄어요. 질문을 조금 바꿔서 다시 보내 주세요."
        ),
        thinking="답변을 만들고 있어요. 잠시만 기다려 주세요.",
        callback_waiting="답변을 만들고 있어요. 잠시만 기다려 주세요.",
        worker_down="지금은 모델이 꺼져 있어요. 질문은 보관해 두었고, 모델이 켜지면 답해 드릴게요.",
        worker_down_held=(
            "지금은 모델이 꺼져 있어요. 질문은 보관해 두었으니, "
            "조금 뒤에 아래의 ‘답변 확인’을 눌러 주세요."
        ),
        held_busy=(
            "지금은 질문이 많이 밀려 있어 답변까지 {minutes}분쯤 또는 그보다 더 걸릴 수 있어요. "
            "그때 아래의 ‘답변 확인’을 눌러 주세요."
        ),
        held_ready_soon=(
            "답변을 만드는 데 시간이 더 걸리고 있어요. 잠시 뒤에 아래의 ‘답변 확인’을 눌러 주세요."
        ),
        held_partial=(
            "아직 쓰고 있어서 여기까지만 보여 드려요. "
            "잠시 뒤에 ‘답변 확인’을 누르면 전체를 볼 수 있어요."
        ),
        held_still="아직 답변을 만들고 있어요. 잠시 뒤에 ‘답변 확인’을 다시 눌러 주세요.",
        held_expired="보관 시간이 지나 이 답변은 볼 수 없어요. 다시 물어봐 주세요.",
        earlier_label="앞 답변 보기",
        earlier_expired="앞서 못 보여 드린 답변은 보관 시간이 지나 사라졌어요.",
        held_delivered_already="이 답변은 이미 보여 드렸어요. 위의 대화를 확인해 주세요.",
        failed="답변을 만들지 못했어요. 잠시 뒤에 다시 물어봐 주세요.",
        prompt_too_long="질문이 모델이 읽을 수 있는 길이를 넘었어요. 줄여서 다시 보내 주세요.",
        expired="제시간에 답변을 만들지 못했어요. 다시 물어봐 주세요.",
        cancelled="요청하신 대로 답변을 멈췄어요.",
        merged="이어서 보내 주신 메시지와 함께 답해 드릴게요.",
        cut_note="(답변이 길어 여기까지만 보여 드려요.)",
        continue_label="계속",
        fetch_label="답변 확인",
        reset_done="대화를 새로 시작할게요. 앞에서 나눈 이야기는 더 이상 참고하지 않아요.",
        help=(
            "궁금한 점을 보내 주시면 AI(생성형 인공지능)가 답해 드려요. "
            "사실과 다를 수 있으니 중요한 내용은 꼭 확인해 주세요.\n"
            "/초기화: 대화를 새로 시작해요\n"
            "/도움말: 이 안내를 다시 봐요"
        ),
        help_command=(
            "명령 뒤에 궁금한 점을 적어 주시면 AI(생성형 인공지능)가 답해 드려요. "
            "사실과 다를 수 있으니 중요한 내용은 꼭 확인해 주세요.\n"
            "초기화: 대화를 새로 시작해요\n"
            "도움말: 이 안내를 다시 봐요"
        ),
        ai_notice="AI(생성형 인공지능)가 만든 답변이에요. 사실과 다를 수 있어요.",
    ),
    "en": Texts(
        busy="Many questions are waiting right now. Please send yours again in a moment.",
        empty_utterance="Your message is empty. Please write your question as text.",
        media_unsupported="I cannot look at pictures or files yet. Please write it as text.",
        unreadable="I could not read the message. Please send it once more.",
        too_long="The message is too long: I can read {max} characters. Please shorten it.",
        rate_limited="That was many messages in a short time. Please try again in about a minute.",
        conversation_full=(
            "I am still answering your earlier questions. Please send this again after that."
        ),
        storage_down="I cannot save messages right now. Please send it again in a moment.",
        storage_fault="I could not save this message. Please reword it and send it again.",
        repetition_note="(Stopped here, as it began to repeat itself. Please reword and retry.)",
        thinking="Writing the answer. One moment, please.",
        callback_waiting="Writing the answer. One moment, please.",
        worker_down="The model is off right now. I kept your question and answer once it is back.",
        worker_down_held=(
            "The model is off right now. I kept your question: "
            "please press “Show answer” below in a while."
        ),
        held_busy=(
            "Many questions are waiting: the answer may take {minutes} min or longer. "
            "Please press “Show answer” below then."
        ),
        held_ready_soon=(
            "The answer takes longer than usual. Please press “Show answer” below in a moment."
        ),
        held_partial=(
            "This is what is written so far. Press “Show answer” in a moment to see all of it."
        ),
        held_still="Still writing. Please press “Show answer” again in a moment.",
        held_expired="This answer was kept for its time and is gone. Please ask again.",
        earlier_label="Earlier answer",
        earlier_expired="An earlier answer you had not fetched was kept for its time and is gone.",
        held_delivered_already="You have this answer already: please look further up.",
        failed="I could not write an answer. Please ask again in a moment.",
        prompt_too_long="The question is longer than the model can read. Please shorten it.",
        expired="I could not write an answer in time. Please ask again.",
        cancelled="Stopped, as you asked.",
        merged="I will answer this together with your next message.",
        cut_note="(The answer is longer and was cut here.)",
        continue_label="Continue",
        fetch_label="Show answer",
        reset_done="Starting over: what was said before is no longer used.",
        help=(
            "Send a question and a generative AI answers it. "
            "It can be wrong, so please check what matters.\n"
            "/reset: start the conversation over\n"
            "/help: show this again"
        ),
        help_command=(
            "Write a question after the command and a generative AI answers it. "
            "It can be wrong, so please check what matters.\n"
            "reset: start the conversation over\n"
            "help: show this again"
        ),
        ai_notice="Written by a generative AI. It can be wrong.",
    ),
}
