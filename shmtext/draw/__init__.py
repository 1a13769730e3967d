"""One batch of texts to pictures. Knows no files under the output folder and no processes."""
