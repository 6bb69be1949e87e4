"""What turns a job into a stream of text: one folder an engine, named in one table."""
