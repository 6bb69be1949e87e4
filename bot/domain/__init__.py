"""The nouns of the product: plain Python, no I/O. The README's glossary defines them."""
