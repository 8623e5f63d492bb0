"""What contacts are and how they are chosen: pure rules without Django, input or output."""
