"""The kinds of personal data, as they are shown in its place."""

from __future__ import annotations

from enum import StrEnum


class PersonalData(StrEnum):
    """A kind of personal data; its value stands where the data was."""

    EMAIL = "[이메일]"
    PHONE = "[전화번호]"
    RESIDENT = "[주민등록번호]"
    ACCOUNT = "[카드·계좌번호]"
    PASSPORT = "[여권번호]"
    VEHICLE = "[차량번호]"
    BIRTH = "[생년월일]"
    ADDRESS = "[주소]"


#: Names of banks, and the words around an account number; some are everyday words.
BANK_WORDS = (
    "은행|뱅크|계좌|입금|송금|이체|국민|신한|우리|하나|농협|기업|카카오|토스|새마을|우체국|신협|수협"
    "|씨티|부산|대구|광주|전북|제주|산업|저축|증권|KB|NH|IBK|SC|KDB"
)
