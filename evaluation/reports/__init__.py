"""Reports: JSON for programs and the dashboard, Markdown for people, in Korean and English."""
