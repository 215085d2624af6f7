"""Images and annotations: reading, preprocessing, augmenting, generating, batching."""
