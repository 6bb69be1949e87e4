"""A company's own Bllossom: LoRA weights from the data sets that the dashboard exports."""
