"""KakaoTalk channel chat: the skill webhook and its callbacks."""
