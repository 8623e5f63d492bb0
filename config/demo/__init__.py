"""The demo: made-up patients, a mail world on loopback, and the main job from end to end."""
