"""Several LoRA adapters beside one model, each row of a batch with its own."""
