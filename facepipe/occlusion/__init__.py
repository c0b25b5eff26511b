"""Which pixels of a face are hidden: labels to learn from, masks drawn by hand, and the model."""
