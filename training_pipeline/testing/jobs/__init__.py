"""Training jobs at any point of their life, and what is known of them."""
