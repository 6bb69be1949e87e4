"""The judge: any model behind an OpenAI-compatible URL, asked with a prompt of our own."""
