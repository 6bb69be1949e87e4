"""The nouns of the product: plain Python, no I/O. docs/glossary.md defines them."""
