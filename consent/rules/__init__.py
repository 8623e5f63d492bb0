"""When a message to a person is lawful: pure rules without Django, input or output."""
