"""From questions on KakaoTalk to a better adapter: one program, each step as people take it."""
