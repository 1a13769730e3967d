"""What ``learn`` is answered with: texts, sets of pictures, a recogniser and its scores."""
