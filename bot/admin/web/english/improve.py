"""Exports and data sets."""

from __future__ import annotations

_EXPORTS = {
    "내보내기": "Export",
    "엑셀 (XLSX)": "Excel (XLSX)",
    "데이터 세트 (ZIP)": "Data set (ZIP)",
    "내보내는 사유 (접속기록에 남습니다)": "Reason for the export (kept in the audit log)",
    (
        "개인정보는 가려서 내보내고, 누가 왜 내보냈는지 접속기록에 남깁니다. 파일은 만든 사람만"
        " 받을 수 있습니다."
    ): (
        "Personal data is masked, and the audit log keeps who exported what, and why. Only its"
        " author can download a file."
    ),
    "아직 내보낸 파일이 없습니다. 목록에서 ‘내보내기’를 누르면 여기에 나타납니다.": (
        "There are no files yet. Press “Export” on a list, and its file appears here."
    ),
    "더 오래된 파일이 없습니다.": "There are no older files.",
    "더 오래된 파일": "Older files",
    "내보내기 진행": "Progress of the export",
    "이 페이지를 닫아도 계속 만들어집니다.": "It goes on when this page is closed.",
    (
        "설정한 최대 건수에 이르러 여기까지만 들어 있습니다. 나머지는 조건이나 기간을 나누어 내보내"
        " 주세요."
    ): (
        "The file ends at the maximum number of rows that is set. Export the rest with narrower"
        " conditions or dates."
    ),
    "파일 받기": "Download",
    "파일 지우기": "Delete the file",
    "취소": "Cancel",
    "목록으로 돌아가기": "Back to the list",
    "만든 사람": "Author",
    "조건": "Conditions",
    "요청 시각": "Ordered at",
    "기다리는 중": "Waiting",
    "만드는 중": "Being made",
    "완료": "Done",
    "내보낼 항목 없음": "Nothing to export",
    "회수됨": "Withdrawn",
    "보관 기간 지남": "No longer kept",
}

_ENDS = {
    (
        "조건에 맞는 항목이 없어 파일을 만들지 않았습니다. 목록에서 조건을 바꾼 뒤 다시 내보내"
        " 주세요."
    ): "Nothing meets the conditions, so there is no file. Change them and export again.",
    (
        "파일에 글이 있던 사람의 정보가 삭제되었거나 학습 제외가 등록되어 파일을 지웠습니다. 다시"
        " 내보내면 그 사람의 글 없이 만들어집니다."
    ): (
        "A person whose words were in the file was erased or left out of training, so it was"
        " deleted. A new export does not hold these words."
    ),
    "보관 기간이 지나 파일을 지웠습니다. 필요하면 다시 내보내 주세요.": (
        "The file was kept for its days and then deleted. Export again where you need it."
    ),
    (
        "디스크에 남은 공간이 모자라 파일을 만들지 않았습니다. 공간을 비우거나 조건을 좁힌 뒤 다시"
        " 내보내 주세요."
    ): (
        "The disk has too little room, so there is no file. Free some, or narrow the conditions,"
        " and export again."
    ),
    "파일이 설정한 크기보다 커서 만들지 않았습니다. 조건이나 기간을 좁혀 나누어 내보내 주세요.": (
        "The file would be larger than the settings allow. Export it in parts, with narrower"
        " conditions or dates."
    ),
    (
        "파일을 만들다가 오류가 났습니다. 다시 내보내도 같으면 서버 기록의 export_failed를 확인해"
        " 주세요."
    ): (
        "An error ended the export. Where it comes again, look for export_failed in the server's"
        " log."
    ),
}

_ORDERS = {
    "내보내는 사유를 적어 주세요. 접속기록에 남습니다.": (
        "Give a reason for the export. The audit log keeps it."
    ),
    "내보낼 수 없는 목록이거나 형식입니다. 목록의 내보내기 버튼을 눌러 주세요.": (
        "There is no such list or format. Use the export button of a list."
    ),
    "이 목록을 내보낼 권한이 없습니다. 관리자에게 요청해 주세요.": (
        "You may not export this list. Ask an admin."
    ),
    "내보내기는 {count}개까지 한꺼번에 할 수 있습니다. 끝난 뒤에 다시 눌러 주세요.": (
        "At most {count} exports can be open at once. Try again when one has ended."
    ),
    "해당 내보내기를 찾을 수 없습니다.": "There is no such export.",
    "받을 파일이 없습니다.": "There is no file to download.",
}

_COLUMNS = {
    "대화 번호": "Conversation",
    "걸린 시간(ms)": "Time taken (ms)",
    "번호": "Number",
    "접속지": "Address",
    "바뀐 시각": "Changed at",
    "시도": "Attempts",
    "만든 시각": "Created at",
}

_AUDIT = {
    "내보낸 파일 받기": "Exported file downloaded",
    "내보낸 파일 지우기": "Exported file deleted",
    "데이터 세트 만들기": "Data set built",
    "데이터 세트 열람": "Data set read",
    "데이터 세트 삭제": "Data set deleted",
    "학습 제외 등록": "Left out of training",
    "학습 제외 해제": "No longer left out of training",
    "목록": "List",
    "데이터 세트": "Data set",
    "종류": "Kind",
    "지운 항목": "Items deleted",
    "지운 파일": "Files deleted",
}

IMPROVE: dict[str, str] = {**_EXPORTS, **_ENDS, **_ORDERS, **_COLUMNS, **_AUDIT}
