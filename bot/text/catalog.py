"""The sentences of the bot itself, in Korean and in English."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """One language's sentences; the sender fills in the ``{}`` fields."""

    language: str  #: its code in TEXTS
    busy: str
    empty_utterance: str
    media_unsupported: str
    unreadable: str  #: the request has no person or no text
    too_long: str
    rate_limited: str
    blocked: str  #: an admin has blocked the person
    conversation_full: str  #: the person's earlier questions have no answer yet
    storage_down: str
    storage_fault: str  #: Postgres refuses this one message; sending it unchanged does not help
    repetition_note: str  #: follows an answer whose model repeated itself and was stopped
    thinking: str  #: the acknowledgement of a command
    callback_waiting: str  #: the acknowledgement before a callback
    #: The model is off, and the answer will be sent within the limit, or not at all.
    worker_down: str
    #: The model is off, and the person has to fetch the answer within the limit.
    worker_down_held: str
    held_busy: str  #: a long backlog; the expected wait in minutes
    held_ready_soon: str
    held_partial: str  #: follows a partial answer
    held_still: str  #: the button was pressed too early
    held_expired: str
    nothing_held: str  #: "답변 확인" was typed, and no answer waits
    earlier_label: str  #: label of the button below a later answer
    earlier_expired: str
    held_delivered_already: str
    failed: str
    prompt_too_long: str
    expired: str
    cancelled: str  #: where the messenger waits for a response, whatever it is
    merged: str  #: answered together with the message after it
    stopped_note: str  #: follows what was written of an answer that was stopped
    idle_note: str  #: the conversation began anew after a long silence
    nothing_to_stop: str
    stop_done: str
    picture_text: str  #: stands for a picture in the log and in later prompts
    picture_prompt: str  #: for the model: a picture came without a text
    picture_gone: str  #: a picture is looked at for one answer only
    nothing_again: str  #: there is no question to ask again
    erase_confirm: str
    erase_done: str
    erase_begun: str  #: there is much to erase
    erase_label: str  #: label of the button that confirms it
    again_label: str
    stop_label: str
    good_label: str
    bad_label: str
    good_name: str  #: the same in words, for screen readers
    bad_name: str
    reason_title: str  #: of a form; at most 24 characters
    reason_note: str
    reason_send: str
    reason_close: str
    vote_thanks: str
    vote_reason: str  #: asks why an answer was bad
    vote_unknown: str  #: the answer is not known any more, or not this person's
    reasons: dict[str, str]  #: by the codes of bot.domain.feedback.Reason; labels of buttons
    thread_intro: str  #: for the model: what follows was said in the thread before
    files_note: str  #: for the model: files came with the message, which it cannot see
    status_writing: str
    human_unavailable: str
    human_wanted: str  #: for the humans: somebody asks for them
    human_open: str  #: label of the link to the conversation
    human_label: str
    human_called: str
    human_answers: str  #: where the messenger needs a response while a human answers
    bot_label: str
    bot_back: str
    cut_note: str  #: follows an answer that was cut to fit, or that the model did not finish
    continue_label: str  #: label and text of the button below an unfinished answer
    fetch_label: str  #: label of the button that fetches an answer; at most 14 characters
    reset_label: str
    help_label: str
    reset_done: str
    about: str  #: what the bot does, without any command
    help: str  #: for messengers with buttons, whose labels may be typed too
    help_command: str  #: for messengers whose commands follow the bot's slash command
    help_chat: str  #: for messengers whose commands are words alone
    ai_notice: str  #: Korean AI Basic Act, in force 2026-01-22: say that an AI wrote it
    units: tuple[str, str, str]  #: hours, minutes and seconds after their number

    def duration(self, seconds: float) -> str:
        """A duration in words, rounded down: what is promised for it holds."""
        hour, minute, second = self.units
        if seconds < 60:
            return f"{int(seconds)}{second}"
        hours, minutes = divmod(int(seconds // 60), 60)
        parts = [f"{hours}{hour}"] * bool(hours) + [f"{minutes}{minute}"] * bool(minutes)
        return " ".join(parts)


_ABOUT = (
    "궁금한 점을 보내 주시면 AI(생성형 인공지능)가 답변해 드려요. "
    "사실과 다를 수 있으니 중요한 내용은 꼭 확인해 주세요."
)
_ABOUT_EN = (
    "Send a question and a generative AI answers it. It can be wrong, so please check what matters."
)

TEXTS: dict[str, Texts] = {
    "ko": Texts(
        language="ko",
        busy="지금은 질문이 많이 밀려 있어요. 잠시 뒤에 다시 보내 주세요.",
        empty_utterance="보내 주신 메시지가 비어 있어요. 궁금한 점을 글로 적어 주세요.",
        media_unsupported="아직 사진이나 파일은 볼 수 없어요. 글로 적어 보내 주세요.",
        unreadable="메시지를 읽지 못했어요. 다시 한번 보내 주세요.",
        too_long="메시지가 너무 길어요. {max:,}자까지 읽을 수 있으니 줄이거나 나누어 보내 주세요.",
        blocked="이 챗봇을 더 이상 이용하실 수 없어요. 궁금한 점은 운영자에게 문의해 주세요.",
        rate_limited="짧은 시간에 메시지를 많이 보내셨어요. 1분쯤 뒤에 다시 보내 주세요.",
        conversation_full=(
            "앞서 보내 주신 질문에 아직 답하고 있어요. 답변을 받으신 뒤에 다시 보내 주세요."
        ),
        storage_down="일시적인 문제로 메시지를 받지 못했어요. 잠시 뒤에 다시 보내 주세요.",
        storage_fault="죄송해요, 이 메시지는 받지 못했어요. 내용을 바꿔서 다시 보내 주세요.",
        repetition_note=(
            "※ 같은 말이 되풀이되어 여기서 멈췄어요. 질문을 조금 바꿔서 다시 보내 주세요."
        ),
        thinking="답변을 준비하고 있어요. 잠시만 기다려 주세요.",
        callback_waiting="답변을 준비하고 있어요. 잠시만 기다려 주세요.",
        worker_down=(
            "지금은 답변이 늦어지고 있어요. "
            "{limit} 안에 답변을 보내 드리지 못하면 다시 질문해 주세요."
        ),
        worker_down_held=(
            "지금은 답변이 늦어지고 있어요. "
            "질문은 {limit} 동안 보관하니 잠시 뒤 아래 ‘답변 확인’을 눌러 주세요."
        ),
        held_busy=(
            "질문이 많아 {minutes}분 이상 걸릴 수 있어요. "
            "{minutes}분쯤 뒤에 아래 ‘답변 확인’을 눌러 주세요."
        ),
        held_ready_soon=(
            "답변을 준비하는 데 시간이 조금 더 필요해요. 잠시 뒤 아래 ‘답변 확인’을 눌러 주세요."
        ),
        held_partial=(
            "아직 작성 중이라 여기까지만 먼저 보여 드려요. "
            "잠시 뒤 ‘답변 확인’을 누르면 이어서 볼 수 있어요."
        ),
        held_still="아직 답변을 준비하고 있어요. 잠시 뒤 ‘답변 확인’을 다시 눌러 주세요.",
        held_expired="보관 시간이 지나 이 답변은 더 이상 볼 수 없어요. 다시 질문해 주세요.",
        nothing_held="기다리는 답변이 없어요. 궁금한 점을 보내 주세요.",
        earlier_label="이전 답변 보기",
        earlier_expired="이전에 보내 드리지 못한 답변은 보관 시간이 지나 볼 수 없어요.",
        held_delivered_already="이미 보내 드린 답변이에요. 위 대화에서 확인해 주세요.",
        failed="죄송해요, 답변을 준비하지 못했어요. 잠시 뒤 다시 질문해 주세요.",
        prompt_too_long="질문이 너무 길어요. 줄여서 다시 보내 주세요.",
        expired="죄송해요, 제시간에 답변을 준비하지 못했어요. 다시 질문해 주세요.",
        cancelled="요청하신 대로 답변을 멈췄어요.",
        merged="이어서 보내 주신 메시지와 함께 답변해 드릴게요.",
        stopped_note="(요청하신 대로 여기서 멈췄어요.)",
        idle_note="(한동안 대화가 없어 새 대화로 시작했어요.)",
        nothing_to_stop="지금은 작성 중인 답변이 없어요.",
        stop_done="답변을 멈췄어요.",
        picture_text="[사진]",
        picture_prompt=(
            "사진을 보냈어요. 사진에 무엇이 있는지 설명하고, 글이나 질문이 적혀 있으면 그 내용에 "
            "맞게 답변해 주세요."
        ),
        picture_gone="사진은 한 번만 볼 수 있어요. 사진을 다시 보내 주세요.",
        nothing_again="다시 답변할 질문이 없어요. 궁금한 점을 보내 주세요.",
        erase_confirm=(
            "지금까지의 대화와 의견을 모두 지울까요? 지우면 되돌릴 수 없어요. "
            "지우시려면 ‘모두 지우기’를 눌러 주세요."
        ),
        erase_done="대화와 의견을 모두 지웠어요.",
        erase_begun="지울 내용이 많아 몇 분 정도 걸릴 수 있어요. 곧 모두 지워 드릴게요.",
        erase_label="모두 지우기",
        again_label="다시",
        stop_label="그만",
        good_label="👍",
        bad_label="👎",
        good_name="좋은 답변이에요",
        bad_name="아쉬운 답변이에요",
        reason_title="의견 남기기",
        reason_note="더 하실 말씀이 있으면 적어 주세요.",
        reason_send="보내기",
        reason_close="닫기",
        vote_thanks="의견을 남겨 주셔서 고마워요.",
        vote_reason="어떤 점이 아쉬우셨나요?",
        vote_unknown="이 답변에는 의견을 남길 수 없어요.",
        reasons={
            "wrong": "사실과 달라요",
            "unhelpful": "도움이 안 돼요",
            "unsafe": "불쾌하거나 위험해요",
            "format": "읽기 불편해요",
            "korean": "말이 어색해요",
        },
        thread_intro="[이 스레드에서 앞서 나눈 이야기]",
        files_note="[파일을 함께 보냈지만 파일 내용은 볼 수 없음]",
        status_writing="답변을 작성하고 있어요…",
        human_unavailable="지금은 상담원에게 연결해 드릴 수 없어요.",
        human_wanted="상담원을 찾는 분이 있어요.",
        human_open="대화 열기",
        human_label="상담원",
        human_called=(
            "상담원에게 연결해 드릴게요. 다시 챗봇과 이야기하시려면 ‘챗봇’이라고 보내 주세요."
        ),
        human_answers=(
            "지금은 상담원이 답변하고 있어요. 챗봇과 이야기하시려면 ‘챗봇’이라고 보내 주세요."
        ),
        bot_label="챗봇",
        bot_back="이제 챗봇이 다시 답변해 드릴게요.",
        cut_note="(답변이 길어 여기까지만 보여 드려요.)",
        continue_label="계속",
        fetch_label="답변 확인",
        reset_label="새 대화",
        help_label="도움말",
        reset_done="새 대화를 시작할게요. 이전 대화는 더 이상 참고하지 않아요.",
        about=_ABOUT,
        help=(
            f"{_ABOUT}\n"
            "새 대화: 새 대화 시작\n"
            "다시: 다른 답변 받기\n"
            "그만: 작성 중인 답변 멈추기\n"
            "답변 확인: 늦어진 답변 보기\n"
            "내 정보 삭제: 대화와 의견 지우기\n"
            "도움말: 이용 안내\n"
            "버튼을 누르거나 그대로 적어 보내 주세요."
        ),
        help_command=(
            "명령 뒤에 궁금한 점을 적어 주시면 AI(생성형 인공지능)가 답변해 드려요. "
            "사실과 다를 수 있으니 중요한 내용은 꼭 확인해 주세요.\n"
            "명령 뒤에 ‘초기화’라고 쓰면 새 대화를 시작하고, ‘도움말’이라고 쓰면 이 안내가 나와요."
        ),
        help_chat=(
            f"{_ABOUT}\n"
            "새 대화: 새 대화 시작\n"
            "다시: 다른 답변 받기\n"
            "그만: 작성 중인 답변 멈추기\n"
            "내 정보 삭제: 대화와 의견 지우기\n"
            "이 말만 적어 보내 주세요."
        ),
        ai_notice="생성형 AI가 답변해 드려요. 사실과 다를 수 있어요.",
        units=("시간", "분", "초"),
    ),
    "en": Texts(
        language="en",
        busy="Many questions are waiting right now. Please send yours again in a moment.",
        empty_utterance="Your message is empty. Please write your question as text.",
        media_unsupported="I cannot look at pictures or files yet. Please write it as text.",
        unreadable="I could not read the message. Please send it once more.",
        too_long="The message is too long: I can read {max:,} characters. Please shorten it.",
        blocked="You can no longer use this bot. Please ask the people who run it.",
        rate_limited="That was many messages in a short time. Please try again in about a minute.",
        conversation_full=(
            "I am still answering your earlier questions. Please send this again after that."
        ),
        storage_down="Something went wrong and I missed your message. Please send it again soon.",
        storage_fault="Sorry, I could not take this message. Please reword it and send it again.",
        repetition_note="(Stopped here, as it began to repeat itself. Please reword and retry.)",
        thinking="Preparing the answer. One moment, please.",
        callback_waiting="Preparing the answer. One moment, please.",
        worker_down=(
            "Answers are delayed right now. If yours does not arrive within {limit}, "
            "please ask again."
        ),
        worker_down_held=(
            "Answers are delayed right now. I keep your question for {limit}: "
            "please press “Show answer” below in a while."
        ),
        held_busy=(
            "Many questions are waiting: the answer may take {minutes} min or longer. "
            "Please press “Show answer” below in about {minutes} min."
        ),
        held_ready_soon=(
            "The answer is taking longer. Please press “Show answer” below in a moment."
        ),
        held_partial=(
            "This is what is written so far. Press “Show answer” in a moment to read on."
        ),
        held_still="Still preparing the answer. Please press “Show answer” again in a moment.",
        held_expired="This answer has expired. Please ask again.",
        nothing_held="No answer is waiting for you. Please send your question.",
        earlier_label="Earlier answer",
        earlier_expired="An earlier answer that you had not fetched has expired.",
        held_delivered_already="You already have this answer. Please scroll up.",
        failed="Sorry, I could not prepare an answer. Please ask again in a moment.",
        prompt_too_long="The question is too long. Please shorten it and send it again.",
        expired="Sorry, I could not prepare an answer in time. Please ask again.",
        cancelled="Stopped, as you asked.",
        merged="I will answer this together with your next message.",
        stopped_note="(Stopped here, as you asked.)",
        idle_note="(It has been a while, so this is a new conversation.)",
        nothing_to_stop="No answer is being written right now.",
        stop_done="Stopped.",
        picture_text="[Picture]",
        picture_prompt=(
            "I have sent a picture. Describe what it shows, and if it holds a text or a question, "
            "answer that."
        ),
        picture_gone="I look at a picture only once. Please send it once more.",
        nothing_again="There is no question to answer again. Please send yours.",
        erase_confirm=(
            "Erase all our conversations and your feedback? This cannot be undone. "
            "To erase them, press “Erase all”."
        ),
        erase_done="Your conversations and feedback are erased.",
        erase_begun="There is a lot to erase: it will be done within a few minutes.",
        erase_label="Erase all",
        again_label="Again",
        stop_label="Stop",
        good_label="👍",
        bad_label="👎",
        good_name="Good answer",
        bad_name="Bad answer",
        reason_title="Feedback",
        reason_note="Anything else you would like to say?",
        reason_send="Send",
        reason_close="Close",
        vote_thanks="Thank you for your feedback.",
        vote_reason="What was wrong with it?",
        vote_unknown="Feedback on this answer is not possible.",
        reasons={
            "wrong": "Not true",
            "unhelpful": "Not helpful",
            "unsafe": "Offensive",
            "format": "Hard to read",
            "korean": "Odd Korean",
        },
        thread_intro="[Said earlier in this thread]",
        files_note="[Sent with files; their content cannot be seen]",
        status_writing="is writing an answer…",
        human_unavailable="I cannot connect you to a human right now.",
        human_wanted="Somebody asks for a human.",
        human_open="Open the conversation",
        human_label="Human",
        human_called="A human will answer. To talk to the bot again, send “bot”.",
        human_answers="A human is answering here. To talk to the bot, send “bot”.",
        bot_label="Bot",
        bot_back="The bot answers again.",
        cut_note="(The answer is longer and was cut here.)",
        continue_label="Continue",
        fetch_label="Show answer",
        reset_label="New chat",
        help_label="Help",
        reset_done="Starting a new conversation: the earlier one is no longer used.",
        about=_ABOUT_EN,
        help=(
            f"{_ABOUT_EN}\n"
            "New chat: start a new conversation\n"
            "Again: get another answer\n"
            "Stop: end the answer\n"
            "Show answer: read a late answer\n"
            "Erase my data: erase our conversations\n"
            "Help: this text\n"
            "Press a button, or type these words."
        ),
        help_command=(
            "Write a question after the command and a generative AI answers it. "
            "It can be wrong, so please check what matters.\n"
            "After the command, “reset” starts a new conversation and “help” shows this text."
        ),
        help_chat=(
            f"{_ABOUT_EN}\n"
            "new: start a new conversation\n"
            "again: get another answer\n"
            "stop: stop the answer that is being written\n"
            "erase my data: erase our conversations and your feedback\n"
            "Send such a word alone."
        ),
        ai_notice="A generative AI answers here. It can be wrong.",
        units=(" h", " min", " s"),
    ),
}
