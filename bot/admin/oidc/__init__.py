"""Login by an OpenID Connect provider, beside local accounts."""
