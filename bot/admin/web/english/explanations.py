"""Every state and reason of a turn in words, and what to do about it."""

from __future__ import annotations

EXPLANATIONS = {
    "하실 일은 없습니다.": "There is nothing to do.",
    "질문을 받았고, 같은 대화의 앞선 질문이 끝나기를 기다립니다.": (
        "The question is received and waits for the earlier ones of its conversation."
    ),
    "오래 머물러 있으면 앞선 질문과 워커 페이지를 확인해 주세요.": (
        "If it stays so, look at the earlier questions and at the workers."
    ),
    "워커가 가져가기를 기다립니다.": "It waits for a worker.",
    "오래 머물러 있으면 워커 페이지에서 켜진 워커가 있는지 확인해 주세요.": (
        "If it stays so, check on the workers' page that one is running."
    ),
    "워커가 답변을 쓰고 있습니다.": "A worker is writing the answer.",
    "답변을 다 썼습니다.": "The answer is written.",
    "답변을 만들지 못해 사과하는 문장을 대신 보냈습니다.": (
        "There is no answer: the person got an apology in its place."
    ),
    "아래 실패 사유에 따라 조치해 주세요.": "Act on the reason below.",
    "제시간에 답변을 만들지 못해 다시 물어봐 달라는 문장을 보냈습니다.": (
        "There was no answer in time: the person was asked to ask again."
    ),
    "자주 보이면 차트에서 대기 시간을 보고 워커를 늘려 주세요.": (
        "If it is frequent, look at the waits in the charts and add workers."
    ),
    "사용자나 메신저가 답변을 멈췄습니다.": "The person or the messenger stopped the answer.",
    "바로 뒤에 온 질문과 한꺼번에 답변했습니다.": (
        "It was answered together with the question that followed it."
    ),
    "봇과 워커의 버전이 다르거나 모델의 대화 서식에 맞지 않아, 워커가 작업을 읽지 못했습니다.": (
        "The worker could not read the job: another version, or the model's chat template "
        "refuses it."
    ),
    "봇과 워커를 같은 버전으로 맞추고, 같은 오류가 이어지면 프리셋을 확인해 주세요.": (
        "Run one version of bot and worker; if it goes on, check the preset."
    ),
    "사진이 있는 질문인데 모델이 글만 읽을 수 있어 답변하지 못했습니다.": (
        "The question has a picture, and the model reads text only."
    ),
    "사진을 받으려면 사진을 보는 모델을 쓰는 워커를 켜 주세요.": (
        "To take pictures, run a worker whose model sees them."
    ),
    "질문 하나만으로도 모델이 읽을 수 있는 길이를 넘었습니다.": (
        "The question alone is longer than what the model can read."
    ),
    "시스템 프롬프트가 너무 길지 않은지, 질문 길이 제한이 모델에 맞는지 확인해 주세요.": (
        "Check the length of the system prompt, and whether the limit of questions suits the model."
    ),
    "워커가 모델 서버에 연결하지 못했습니다.": "The worker could not reach the model's server.",
    "모델 서버가 켜져 있는지, 워커의 주소 설정이 맞는지 확인해 주세요.": (
        "Check that the server runs, and the worker's setting of its address."
    ),
    "모델 서버가 바빠서 요청을 받지 않았습니다.": "The model's server was too busy to take it.",
    "워커의 동시 처리 수를 줄이거나 모델 서버를 늘려 주세요.": (
        "Give the worker fewer slots, or add a server."
    ),
    "모델 서버가 오류를 냈거나 빈 답변을 돌려주었습니다.": (
        "The model's server failed, or gave an empty answer."
    ),
    "같은 시각의 모델 서버 로그를 확인해 주세요.": "Look at the server's log of that time.",
    "GPU 메모리가 모자라 답변을 쓰지 못했습니다.": "The GPU had too little memory.",
    "워커의 동시 처리 수나 문맥 길이를 줄이고, 같은 GPU를 쓰는 다른 프로그램을 확인해 주세요.": (
        "Reduce the slots or the context, and look for other programs on the same GPU."
    ),
    "쓰기 시작하기 전에 멈춰 달라는 요청이 왔습니다.": "It was stopped before it was begun.",
    "답변이 필요한 시각이 지나서 쓰지 않았습니다.": (
        "It was not written: the time for the answer was over."
    ),
    "여러 번 시도했지만 매번 끝나기 전에 워커가 사라졌습니다.": (
        "Every worker that tried was gone before the end."
    ),
    "시간표에 적힌 워커들의 로그에서 멈춘 이유를 확인해 주세요.": (
        "Look into the logs of the workers of the time line for why they ended."
    ),
    "데이터베이스가 이 질문이나 답변을 저장하지 못했습니다.": (
        "The database could not store this question or its answer."
    ),
    "봇 로그에서 database_fault를 이 턴 ID로 찾아 주세요.": (
        "Search the bot's log for database_fault with this turn's ID."
    ),
    "모델이 스스로 답변을 마쳤습니다.": "The model ended the answer itself.",
    "답변이 길이 제한에 닿아 중간에 끊겼습니다.": "The answer was cut at the limit of its length.",
    "자주 보이면 답변의 최대 토큰 수를 늘리거나 짧게 답하도록 프롬프트를 고쳐 주세요.": (
        "If it is frequent, raise the maximum of tokens, or ask for short answers in the prompt."
    ),
    "시간이 다 되어 쓴 데까지만 보냈습니다.": (
        "The time was over: the person got what was written by then."
    ),
    "자주 보이면 차트에서 초당 토큰 수를 보고 워커를 늘리거나 답변을 짧게 해 주세요.": (
        "If it is frequent, look at the tokens per second, add workers or ask for short answers."
    ),
    "모델이 같은 말을 되풀이해서 멈추고, 되풀이한 부분을 잘라 냈습니다.": (
        "The model repeated itself: it was stopped, and the repeats are cut off."
    ),
    "자주 보이면 반복 억제 값이나 프리셋을 바꿔 보세요.": (
        "If it is frequent, try another repetition penalty or preset."
    ),
    "멈춰 달라는 요청으로 쓴 데까지만 남겼습니다.": (
        "It was stopped on request, with what was written by then."
    ),
    "아직 보내지 않은 답변입니다. 곧 보내거나 다시 시도합니다.": (
        "Not sent yet: it is sent or tried again soon."
    ),
    "지금 메신저로 보내는 중입니다.": "It is being sent to the messenger.",
    "버튼을 누르면 보이는 답변입니다. 아직 누르지 않았습니다.": (
        "It is shown when the person presses the button, which they have not done."
    ),
    "사용자에게 전달되었습니다.": "The person has it.",
    "보냈지만 메신저의 응답이 끊겨, 사용자에게 보였는지 알 수 없습니다.": (
        "It was sent, but the messenger's response was lost: the person may have it or not."
    ),
    "메신저에서 직접 확인하고, 보이지 않았다면 다시 보내 주세요. 보였다면 두 번 보이게 됩니다.": (
        "Look it up in the messenger and send it again if it is missing; else it appears twice."
    ),
    "메신저가 거절했거나 모든 시도가 실패해서 사용자가 보지 못했습니다.": (
        "The messenger refused it, or every attempt failed: the person does not have it."
    ),
    "아래 전달 내용을 보고 설정을 고친 뒤 다시 보내 주세요.": (
        "Mend the settings by the delivery detail below, then send it again."
    ),
    "정해진 시간 안에 보내거나 확인하지 못해 사용자가 보지 못했습니다.": (
        "It was not sent or fetched in time: the person does not have it."
    ),
    "자주 보이면 차트에서 제시간 답변 비율을 확인해 주세요.": (
        "If it is frequent, look at the share of answers in time in the charts."
    ),
}
