"""Reviews: queues, the page on which an answer is judged, adjudication, agreement."""
