"""How right a server hears: manifests of recordings with references, and word and character error rates over them."""
